// API keys: how one is made, what is kept of it, the file they are kept in, and which of them a caller has given. Knows no
// HTTP and no clock. A worked example of a line of the file:
//   {"name":"alice","sha256":"9f86d0…0a08","created":"2026-01-31T12:00:00.000Z","rpm":60,"tpm":40000,"concurrency":4}

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { errorText } from '../../../base/error-text.ts';

/** Lets people, and scanners of published code, see what a key is. */
export const KEY_PREFIX = 'eg-';

/** A key's name is a label of metrics and a word of commands. */
export const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** What a file says whose last key was revoked: one that is empty is taken for a mistake, and its keys are kept. */
export const NO_KEYS = '# every key was revoked\n';

/** One key may have so many times what another has. */
export const MOST_WEIGHT = 1000;

const most = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

const storedKey = z.strictObject({
  name: z.string().regex(KEY_NAME),
  /**
   * Hexadecimal. A fast hash serves: it is of 256 random bits, which nobody can guess however fast each guess is; slow
   * hashes are for passwords that people think of.
   */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  created: z.iso.datetime(),
  /** Requests a minute. */
  rpm: most.optional(),
  /** Tokens a minute, of prompts and answers together. */
  tpm: most.optional(),
  /** Requests at once. */
  concurrency: most.optional(),
  /** Of the engine's time beside other keys; absent: 1. */
  weight: z.int().min(1).max(MOST_WEIGHT).optional(),
  /** May ask for what concerns all callers: metrics, shards, heat. */
  admin: z.literal(true).optional(),
});

export type StoredKey = z.infer<typeof storedKey>;

/** 256 random bits, to be told to its owner and nowhere kept. */
export function drawKey(): string {
  return KEY_PREFIX + randomBytes(32).toString('base64url');
}

export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** One key a line, `#` begins a line of comment. Throws, naming `from` and the line, also where two keys have one name. */
export function parseKeys(text: string, from: string): StoredKey[] {
  const keys = text.split('\n').flatMap((line, index) => {
    if (isComment(line)) return [];
    try {
      return [storedKey.parse(JSON.parse(line))];
    } catch (error) {
      throw new Error(`${from}: line ${index + 1} is no key: ${reasonOf(error)}`, { cause: error });
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

/** The file without the key; undefined where it has none of that name. Other lines stay as they are. */
export function withoutKey(text: string, name: string, from: string): string | undefined {
  const lines = text.split('\n');
  const kept = lines.filter((line) => isComment(line) || parseKeys(line, from)[0]?.name !== name);
  return kept.length < lines.length ? kept.join('\n') : undefined;
}

/** Every key is compared, and each whole: how long it takes tells nothing of how near a guess was. */
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
