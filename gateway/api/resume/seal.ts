// The secrets that gateways share with their trusted callers, and the signatures and seals that are made from them.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The current secret, then the previous one if the secret is being exchanged. */
export type Secrets = () => readonly string[];

/** A secret shorter than this could be guessed. */
export const SHORTEST_SECRET = 32;

/** Separates seals from signatures, so that none can be used as the other. */
const RECORD_PURPOSE = 'expertgrid record v1';
/** Characters of a seal: 128 bits in base64url. */
const SEAL_LENGTH = 22;

/** Parses the file of --edge-secret-file. Throws an error that names the file `from`. */
export function parseSecrets(text: string, from: string): readonly string[] {
  const secrets = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (secrets.length < 1 || secrets.length > 2) {
    throw new Error(
      `${from} has ${secrets.length} secrets. Give one, or the current and then the previous one.`,
    );
  }
  const short = secrets.findIndex((secret) => secret.length < SHORTEST_SECRET);
  if (short < 0) return secrets;
  throw new Error(
    `${from}: line ${short + 1} has ${secrets[short]?.length} characters, but a secret needs at least ${SHORTEST_SECRET}. ` +
      'Make one with: openssl rand -base64 48',
  );
}

export function signatureOf(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}

/** The key of the seals, which is derived from a secret. */
export function sealKey(secret: string): Buffer {
  return createHmac('sha256', secret).update(RECORD_PURPOSE).digest();
}

export function sealOf(text: string, key: Buffer): string {
  return createHmac('sha256', key).update(text).digest('base64url').slice(0, SEAL_LENGTH);
}

/** Takes the same time wherever the texts differ. */
export function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
