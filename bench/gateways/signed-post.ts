// A signed request to a gateway, as the edge sends it.
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { nodeHashing } from '../../infra/edge/node.ts';
import { signer } from '../../infra/edge/sign.ts';

/** Resolves when the headers of the answer have arrived. */
export async function signedPost(
  url: URL,
  body: object,
  { secret, records }: { secret: string; records: boolean },
): Promise<IncomingMessage> {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const claims = {
    body: await nodeHashing.sha256(bytes),
    tenant: 'bench',
    scopes: ['generate'],
    request: randomUUID(),
    region: 'bench',
    records,
  } as const;
  const sign = signer(() => secret, nodeHashing);
  const headers = {
    'content-type': 'application/json',
    'content-length': bytes.length,
    ...(await sign({ method: 'POST', path: url.pathname, claims })),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, resolve);
    sent.on('error', reject);
    sent.end(bytes);
  });
}
