// Refuses request bodies that are not JSON. A page of another site can make a browser send forms and plain text to this server,
// but JSON only if CORS allows the page.
import { ApiError } from '../errors.ts';

const token = "[!#$%&'*+.^_`|~0-9a-z-]+";
/** `application/json`, or any type with the suffix `+json`. */
const jsonType = new RegExp(`^(?:application/json|${token}/${token}\\+json)$`);

const UTF_8 = new Set(['utf-8', 'utf8']);

/** `header` is the content type. Throws a 415 that names the header to send. */
export function requireJsonType(header: string | null): void {
  const [type = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase());
  if (!jsonType.test(type)) {
    const sent = type === '' ? 'has no content type' : `has the content type '${type.slice(0, 100)}'`;
    throw unsupported(`The body of your request ${sent}.`);
  }
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=');
    const charset = value.replaceAll('"', '').trim();
    if (name.trim() !== 'charset' || UTF_8.has(charset)) continue;
    throw unsupported(`The charset '${charset.slice(0, 100)}' is not supported, because JSON is UTF-8.`);
  }
}

function unsupported(why: string): ApiError {
  const message = `${why} Send JSON with the header 'content-type: application/json'.`;
  const headers = { accept: 'application/json' };
  return new ApiError({ status: 415, message, code: 'unsupported_content_type', headers });
}
