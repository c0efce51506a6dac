// Asks a gateway something in the edge's own name, not in that of a client.
import { readWhole } from './ask.ts';
import { anyone } from './requests/call.ts';
import type { Shared } from './send.ts';
import { randomHex } from './sign.ts';

const PATIENCE_MS = 2_000;

export type Asking = Pick<Shared, 'ask' | 'sign' | 'hashing' | 'region'>;

/** `purpose` begins the id of the request, which the gateway logs. `most` is the longest body that is read, in bytes. */
interface Question {
  gateway: string;
  path: string;
  purpose: string;
  most: number;
}

/**
 * Sends a signed GET. `text` is undefined if the gateway answers with another status than 200. Returns undefined if the gateway does not
 * answer within 2 s, or if the edge has no secret to sign with.
 */
export async function askGateway(
  { gateway, path, purpose, most }: Question,
  { ask, sign, hashing, region }: Asking,
): Promise<{ text: string | undefined } | undefined> {
  if (sign === undefined) return undefined;
  const method = 'GET';
  const body = await hashing.sha256(new Uint8Array());
  const claims = { ...anyone, body, request: `${purpose}_${randomHex(8)}`, region };
  try {
    const headers = new Headers(await sign({ method, path, claims }));
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await ask(`${gateway}${path}`, { method, headers, body: undefined, signal });
    const bytes = await readWhole(answer.body, most);
    return { text: answer.status === 200 ? new TextDecoder().decode(bytes) : undefined };
  } catch {
    return undefined; // the callers ask again, and use what they know until then
  }
}
