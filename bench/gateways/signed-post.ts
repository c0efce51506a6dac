// A signed request to a gateway, as the edge sends it.
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import {
  asciiJson,
  CLAIMS_HEADER,
  type Claims,
  SIGNATURE_HEADER,
  SIGNATURE_VERSION,
  textToSign,
} from '../../resume/signed-request.ts';

/** Resolves when the headers of the answer have arrived. */
export function signedPost(
  url: URL,
  body: object,
  { secret, records }: { secret: string; records: boolean },
): Promise<IncomingMessage> {
  const text = JSON.stringify(body);
  const all: Claims = {
    time: Date.now(),
    nonce: randomUUID(),
    body: createHash('sha256').update(text).digest('hex'),
    tenant: 'bench',
    scopes: ['generate'],
    request: randomUUID(),
    region: 'bench',
    records,
  };
  const claims = asciiJson(all);
  const signed = textToSign({ method: 'POST', path: url.pathname, claims });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    [CLAIMS_HEADER]: claims,
    [SIGNATURE_HEADER]: `${SIGNATURE_VERSION}=${createHmac('sha256', secret).update(signed).digest('base64url')}`,
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, resolve);
    sent.on('error', reject);
    sent.end(text);
  });
}
