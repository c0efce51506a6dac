// GET /docs: the API's description as a page that loads nothing. Knows no server.
import { type JsonSchema, jsonSchema, type Operation, operations } from './openapi.ts';

/** Nothing from anywhere but the page's own style. */
export const DOCS_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{padding:1rem;overflow:auto;border:1px solid #8884;border-radius:6px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8884}
h2{margin-top:2.5rem}.wide{overflow-x:auto}`;

export function docsPage(): string {
  const sections = operations.map(section).join('\n');
  const links = operations.map(
    ({ method, path }) => `<li><a href="#${idOf(path)}">${title(method, path)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>expertgrid API</title><style>${STYLE}</style></head>
<body><h1>expertgrid API</h1>
<p>Every path answers with and without <code>/v1</code>. <code>null</code> means absent; a field that is not listed is
refused by name. The same as <code>/openapi.json</code> has it.</p>
<ul>${links.join('')}</ul>
${sections}
</body></html>
`;
}

function section({
  method,
  path,
  summary,
  schema,
  parameters = [],
  example,
  refused = {},
}: Operation): string {
  const rows = parameters.map(({ name, in: where, description }) =>
    row(name, `string, ${where}`, description),
  );
  if (schema !== undefined) rows.push(...fieldRows(jsonSchema(schema.zod)));
  const table =
    rows.length === 0
      ? ''
      : `<div class="wide"><table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>${rows.join('')}</table></div>`;
  const command = `curl http://127.0.0.1:8080${path} -H 'content-type: application/json' -d '${JSON.stringify(example)}'`;
  const shown = example === undefined ? '' : `<pre>${escaped(command)}</pre>`;
  const names = Object.keys(refused).map((name) => `<code>${escaped(name)}</code>`);
  const refusals = names.length === 0 ? '' : `<p>Refused by name: ${names.join(', ')}.</p>`;
  return `<h2 id="${idOf(path)}">${title(method, path)}</h2><p>${escaped(summary)}</p>${shown}${table}${refusals}`;
}

function fieldRows({ properties = {}, required = [] }: JsonSchema, above = ''): string[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const inner = objectsOf(schema);
    const type = `${typeOf(schema)}${required.includes(name) ? ', required' : ''}`;
    return [
      row(above + name, type, schema.description ?? ''),
      ...inner.flatMap((one) => fieldRows(one, `${above}${name}.`)),
    ];
  });
}

/** The objects that a value may be; of several kinds, that their type tells apart, each is shown. */
function objectsOf({ anyOf = [], oneOf = [], ...schema }: JsonSchema): JsonSchema[] {
  if (schema.properties !== undefined) return [schema];
  if (oneOf.length > 0) return oneOf;
  return anyOf.map(objectsOf).find((found) => found.length > 0) ?? [];
}

/** `null` is left out: it means absent everywhere. */
function typeOf({
  type,
  anyOf,
  oneOf,
  items,
  enum: values,
  const: only,
  minimum,
  maximum,
}: JsonSchema): string {
  const either = anyOf ?? oneOf;
  if (either !== undefined) {
    const kinds = either.filter((one) => one.type !== 'null').map(typeOf);
    return [...new Set(kinds)].join(' or ');
  }
  if (values !== undefined) return values.join(', ');
  if (only !== undefined) return JSON.stringify(only);
  if (type === 'array') return `array of ${items === undefined ? 'values' : typeOf(items)}`;
  const kind = [type ?? 'value'].flat().filter((one) => one !== 'null');
  const bounded = minimum !== undefined && maximum !== undefined && Math.abs(maximum) < 2 ** 31 - 1;
  return bounded ? `${kind} ${minimum}…${maximum}` : kind.join(' or ');
}

function row(name: string, type: string, meaning: string): string {
  return `<tr><td><code>${escaped(name)}</code></td><td>${escaped(type)}</td><td>${escaped(meaning)}</td></tr>`;
}

function title(method: string, path: string): string {
  return `<code>${method.toUpperCase()} ${escaped(path)}</code>`;
}

function idOf(path: string): string {
  return path.replaceAll(/[^a-z]+/g, '-').replaceAll(/^-|-$/g, '');
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
