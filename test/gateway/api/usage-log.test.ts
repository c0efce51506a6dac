// The usage log as a file: appended to, renamed under the writer, torn.
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openUsageLog, type UsageLine, type UsageLog } from '../../../gateway/api/usage-log.ts';

let folder: string;
let path: string;
let errors: string[];
let log: UsageLog | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'usage-'));
  path = join(folder, 'usage.jsonl');
  errors = [];
});
afterEach(async () => {
  log?.close();
  log = undefined;
  await rm(folder, { recursive: true });
});

function open(): UsageLog {
  log = openUsageLog(path, { onError: (message) => errors.push(message) });
  return log;
}

const line = (request: string): UsageLine => ({
  time: '2026-01-31T12:00:00.000Z',
  request,
  key: 'alice',
  model: 'm',
  endpoint: '/v1/completions',
  prompt_tokens: 3,
  cached_tokens: null,
  generated_tokens: 2,
  status: 200,
  ms: 12,
});

const lines = async (file = path) =>
  (await readFile(file, 'utf8'))
    .split('\n')
    .filter((text) => text !== '')
    .map((text): string => JSON.parse(text).request);

test('each line is in the file when it is written, behind what was there', async () => {
  open().write(line('a'));
  expect(await lines()).toEqual(['a']);
  log?.close();
  open().write(line('b'));
  expect(await lines()).toEqual(['a', 'b']);
  expect(JSON.parse((await readFile(path, 'utf8')).split('\n')[0]!)).toEqual(line('a'));
});

test('a file that is renamed is left as it is, and a new one begun', async () => {
  const log = open();
  log.write(line('a'));
  await rename(path, `${path}.1`);
  log.write(line('b'));
  log.write(line('c'));
  expect([await lines(`${path}.1`), await lines()]).toEqual([['a'], ['b', 'c']]);
  await rm(path);
  log.write(line('d'));
  expect(await lines()).toEqual(['d']);
});

test('half a line that a lost machine left is ended before the next', async () => {
  await writeFile(path, `${JSON.stringify(line('a'))}\n{"time":"20`);
  open().write(line('b'));
  const texts = (await readFile(path, 'utf8')).split('\n');
  expect(texts.slice(1)).toEqual(['{"time":"20', JSON.stringify(line('b')), '']);
});

test('a file that cannot be written is told of once, and used again when it can', async () => {
  const log = open();
  await rm(folder, { recursive: true });
  log.write(line('a'));
  log.write(line('b'));
  expect(errors).toEqual([expect.stringContaining('usage is not written: ENOENT')]);
  await mkdir(folder);
  log.write(line('c'));
  expect(await lines()).toEqual(['c']);
});

test('a file that cannot be opened at the start is an error', () => {
  path = join(folder, 'none', 'usage.jsonl');
  expect(open).toThrow('ENOENT');
});
