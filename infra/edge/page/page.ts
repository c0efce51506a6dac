// GET /edge: the operators' page. Its script and style carry a nonce, so that nothing else can run in the page.
import { base64url, randomBytes } from '../sign.ts';

/** `html` is the text of edge.html. */
export function pageAnswer(html: string): Response {
  const nonce = base64url(randomBytes(16));
  const policy =
    `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return new Response(html.replaceAll('NONCE', nonce), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  });
}
