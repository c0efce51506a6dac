// Checks `expertgrid key` and the file that it writes.
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addKey, removeKey } from '../../../cli/flags/key-file.ts';
import { findKey, hashKey, NO_KEYS, parseKeys, type StoredKey } from '../../../gateway/api/tenants/keys.ts';
import { startCli } from '../../support/process.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  file = join(folder, 'keys');
});
afterEach(() => rm(folder, { recursive: true }));

const stored = (name: string): StoredKey => {
  return { name, sha256: hashKey(name), created: '2026-01-31T12:00:00.000Z' };
};
const names = async () => parseKeys(await readFile(file, 'utf8'), file).map(({ name }) => name);

async function key(...args: string[]) {
  const process = startCli(['key', ...args]);
  const { code } = await process.exit;
  return { code, stdout: process.stdout, stderr: process.stderr };
}

test('key create prints the key once and stores its hash, list shows the limits, revoke removes the key', async () => {
  const limits = ['--rpm', '60', '--tpm', '40000', '--weight', '3', '--admin'];
  const made = await key('create', 'alice', ...limits, '--file', file);
  expect(made.code).toBe(0);
  expect(made.stdout).toMatch(/^eg-[\w-]{43}\n$/);
  const text = await readFile(file, 'utf8');
  expect(text).not.toContain(made.stdout.trim());
  expect(findKey(parseKeys(text, file), made.stdout.trim())).toMatchObject({
    name: 'alice',
    rpm: 60,
    tpm: 40_000,
    weight: 3,
    admin: true,
  });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const listed = await key('list', '--file', file);
  expect(listed.stdout).toMatch(
    /^name +rpm +tpm +concurrency +weight +admin +created\nalice +60 +40000 +- +3 +yes +\d/,
  );
  expect((await key('revoke', 'alice', '--file', file)).code).toBe(0);
  expect(await names()).toEqual([]);
  expect(await readFile(file, 'utf8')).toBe(NO_KEYS); // a gateway ignores an empty file as a mistake
  const unknown = await key('revoke', 'bob', '--file', file);
  expect(unknown).toMatchObject({ code: 1, stderr: `expertgrid: ${file} has no key named bob\n` });
});

test.each([
  [
    'a missing --file',
    ['create', 'alice'],
    2,
    'give --file for the keys of a gateway, or --edge for those of an edge',
  ],
  ['limits of an edge in a file', ['create', 'a', '--budget', '9', '--file', 'x'], 2, 'need --edge'],
  [
    'two places',
    ['create', 'a', '--file=x', '--edge=http://127.0.0.1:1', `--admin-secret-file=${import.meta.filename}`],
    2,
    'a key is either in the --file of a gateway or at an --edge',
  ],
  ['an invalid name', ['create', 'a b', '--file', 'x'], 2, 'It must begin with a letter or digit'],
  ['a limit of 0', ['create', 'a', '--rpm', '0', '--file', 'x'], 2, 'whole number'],
  [
    'a device as the file',
    ['revoke', 'bob', '--file', '/dev/null'],
    1,
    'this is a pipe, a socket or a device',
  ],
])('key refuses %s with one line', async (_what, args, code, reason) => {
  const told = await key(...args);
  expect([told.code, told.stdout]).toEqual([code, '']);
  expect(told.stderr).toContain(reason);
});

test('a second key of the same name is refused', async () => {
  await addKey(file, stored('a'));
  await expect(addKey(file, stored('a'))).rejects.toThrow('has a key named a; revoke it first');
  await addKey(file, stored('b'));
  expect(await names()).toEqual(['a', 'b']);
});

test('adding and removing keys keeps comments, also in a file without a last line break', async () => {
  await addKey(file, stored('a'));
  await writeFile(file, `# ours\n${(await readFile(file, 'utf8')).trimEnd()}`);
  await addKey(file, stored('b'));
  await removeKey(file, 'a');
  expect(await readFile(file, 'utf8')).toMatch(/^# ours\n\{"name":"b".*\}\n$/);
});

test('removing a key through a link changes the linked file, but not its mode', async () => {
  await addKey(file, stored('a'));
  const link = join(folder, 'link');
  await symlink(file, link);
  await removeKey(link, 'a');
  expect(await readFile(file, 'utf8')).toBe(NO_KEYS);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('if several commands write at the same time, some may be refused, but no key is lost', async () => {
  const made = await Promise.allSettled(['a', 'b', 'c'].map((name) => addKey(file, stored(name))));
  const kept = made.filter(({ status }) => status === 'fulfilled').length;
  expect(await names()).toHaveLength(kept);
  for (const each of made) {
    if (each.status === 'rejected')
      expect(String(each.reason)).toContain('is being written by another command');
  }
  await addKey(file, stored('d'));
  expect(await names()).toContain('d');
});
