// API keys, and the file of their hashes.
import { expect, test } from 'vitest';
import {
  drawKey,
  findKey,
  hashKey,
  keyLine,
  parseKeys,
  type StoredKey,
  withoutKey,
} from '../../../../gateway/api/tenants/keys.ts';

const created = '2026-01-31T12:00:00.000Z';
const stored = (name: string, more: Partial<StoredKey> = {}): StoredKey => {
  return { name, sha256: hashKey(`eg-${name}`), created, ...more };
};

test('a key has 256 random bits after its prefix', () => {
  const keys = Array.from({ length: 100 }, drawKey);
  for (const key of keys) expect(key).toMatch(/^eg-[\w-]{43}$/);
  expect(new Set(keys).size).toBe(100);
});

test('a line contains the hash but not the key, and can be read back', () => {
  const key = stored('alice', { rpm: 60, tpm: 40_000, concurrency: 4, admin: true });
  const line = keyLine(key);
  expect(line).not.toContain('eg-alice');
  expect(parseKeys(`# ours\n\n${line}${keyLine(stored('bob'))}`, 'keys')).toEqual([key, stored('bob')]);
});

test('every key of the file is found, and an unknown key is not', () => {
  const keys = ['alice', 'bob', 'carol'].map((name) => stored(name));
  for (const { name } of keys) expect(findKey(keys, `eg-${name}`)?.name).toBe(name);
  for (const wrong of ['', 'eg-', 'eg-alic', 'eg-alice ', 'EG-alice', keys[0]!.sha256]) {
    expect(findKey(keys, wrong)).toBeUndefined();
  }
  expect(findKey([], 'eg-alice')).toBeUndefined();
});

test.each([
  ['a line that is not JSON', '{"name":"a"', /^keys: line 2 is not a key: .*JSON/],
  ['a short hash', JSON.stringify({ ...stored('a'), sha256: 'ab' }), /^keys: line 2 is not a key: sha256/],
  ['a limit of 0', JSON.stringify({ ...stored('a'), rpm: 0 }), /^keys: line 2 is not a key: rpm/],
  ['an unknown field', JSON.stringify({ ...stored('a'), rps: 1 }), /^keys: line 2 is not a key: .*rps/],
  ['an invalid name', JSON.stringify(stored('a b')), /^keys: line 2 is not a key: name/],
  ['the key itself', drawKey(), /^keys: line 2 is not a key/],
  ['a name twice', keyLine(stored('first')), /^keys: two keys are named first/],
])('a file with %s is refused, and the error names the place', (_what, line, reason) => {
  expect(() => parseKeys(keyLine(stored('first')) + line, 'keys')).toThrow(reason);
});

test('removing one key leaves the rest of the file unchanged', () => {
  const [a, b] = [keyLine(stored('a')), keyLine(stored('b'))];
  expect(withoutKey(`# ours\n${a}${b}`, 'a', 'keys')).toBe(`# ours\n${b}`);
  expect(withoutKey(a + b, 'b', 'keys')).toBe(a);
  expect(withoutKey(a, 'A', 'keys')).toBeUndefined();
});
