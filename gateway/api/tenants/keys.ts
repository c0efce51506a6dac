// Makes API keys, reads and writes the file of their hashes, and finds the key of a request. Example of a line of the file:
//   {"name":"alice","sha256":"9f86d0…0a08","created":"2026-01-31T12:00:00.000Z","rpm":60,"tpm":40000,"concurrency":4}

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { errorText } from '../../../base/error-text.ts';
import { KEY_BYTES, KEY_NAME, KEY_PREFIX, MOST_LIMIT, MOST_WEIGHT } from '../../../tenancy/api-key.ts';

/** Content of the file after its last key was revoked. A gateway that finds the file empty keeps its old keys. */
export const NO_KEYS = '# every key was revoked\n';

const limit = z.int().min(1).max(MOST_LIMIT);

const storedKey = z.strictObject({
  name: z.string().regex(KEY_NAME),
  /** Hexadecimal. A fast hash is enough, because nobody can guess the 256 random bits of a key, unlike a password. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  created: z.iso.datetime(),
  /** Requests a minute. */
  rpm: limit.optional(),
  /** Tokens a minute, of prompts and answers together. */
  tpm: limit.optional(),
  /** Largest number of concurrent requests. */
  concurrency: limit.optional(),
  /** Relative share of the engine's time. Default 1. */
  weight: z.int().min(1).max(MOST_WEIGHT).optional(),
  /** May use the endpoints about all tenants: metrics, shards, heat. */
  admin: z.literal(true).optional(),
});

export type StoredKey = z.infer<typeof storedKey>;

/** Draws a key of 256 random bits. The caller shows the key once and stores only its hash. */
export function drawKey(): string {
  return KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Each line has a key. `#` begins a comment. Throws if a line is invalid or a name occurs twice. Errors name the file `from`. */
export function parseKeys(text: string, from: string): StoredKey[] {
  const keys = text.split('\n').flatMap((line, index) => {
    if (isComment(line)) return [];
    try {
      return [storedKey.parse(JSON.parse(line))];
    } catch (error) {
      throw new Error(`${from}: line ${index + 1} is not a key: ${reasonOf(error)}`, { cause: error });
    }
  });
  const names = keys.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`${from}: two keys are named ${twice}; revoke one`);
  return keys;
}

export function keyLine(key: StoredKey): string {
  return `${JSON.stringify(storedKey.parse(key))}\n`;
}

/** The text of the file without the key `name`. Undefined if there is no such key. Other lines stay as they are. */
export function withoutKey(text: string, name: string, from: string): string | undefined {
  const lines = text.split('\n');
  const kept = lines.filter((line) => isComment(line) || parseKeys(line, from)[0]?.name !== name);
  return kept.length < lines.length ? kept.join('\n') : undefined;
}

/** Always compares all bytes of all keys, so that the time does not reveal how close a guess was. */
export function findKey(keys: readonly StoredKey[], given: string): StoredKey | undefined {
  const hash = Buffer.from(hashKey(given), 'hex');
  let found: StoredKey | undefined;
  for (const key of keys) if (timingSafeEqual(Buffer.from(key.sha256, 'hex'), hash)) found = key;
  return found;
}

function isComment(line: string): boolean {
  return line.trim() === '' || line.startsWith('#');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof z.ZodError)) return errorText(error);
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'it'}: ${issue?.message}`;
}
