// The secrets that gateways share with their trusted callers, and the signatures and seals that are made from them.
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** The current secret, then the previous one if the secret is being exchanged. */
export type Secrets = () => readonly string[];

/** Separates seals from signatures, so that none can be used as the other. */
const RECORD_PURPOSE = 'expertgrid record v1';
/** Characters of a seal: 128 bits in base64url. */
const SEAL_LENGTH = 22;

export function signatureOf(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}

/** The key of the seals, which is derived from a secret. */
export function sealKey(secret: string): KeyObject {
  return createSecretKey(createHmac('sha256', secret).update(RECORD_PURPOSE).digest());
}

export function sealOf(text: string, key: KeyObject): string {
  return createHmac('sha256', key).update(text).digest('base64url').slice(0, SEAL_LENGTH);
}

/** Whether `given` is what `make` makes with one of the secrets. Takes the same time whichever it is. */
export function isMadeWith(
  secrets: readonly string[],
  given: string,
  make: (secret: string) => string,
): boolean {
  return secrets.map((secret) => isSame(given, make(secret))).includes(true);
}

/** Takes the same time wherever the texts differ. */
export function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
