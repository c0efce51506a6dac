// The file of the usage log: appended lines, renamed files and failing writes.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  openUsageLog,
  type UsageLine,
  type UsageLog,
  type UsageLogOptions,
} from '../../../../gateway/api/tenants/usage-log.ts';

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

function open(options: Partial<UsageLogOptions> = {}): UsageLog {
  const told = (message: string) => void errors.push(message);
  log = openUsageLog(path, { onError: told, onRecovered: told, retryMs: 10, ...options });
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

test('each line is appended to the file before write returns', async () => {
  open().write(line('a'));
  expect(await lines()).toEqual(['a']);
  log?.close();
  open().write(line('b'));
  expect(await lines()).toEqual(['a', 'b']);
  expect(JSON.parse((await readFile(path, 'utf8')).split('\n')[0]!)).toEqual(line('a'));
});

test('a renamed file is not changed, and a new file is begun', async () => {
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

test('two gateways may write to one file', async () => {
  const other = openUsageLog(path, { onError: (message) => errors.push(message) });
  const log = open();
  for (const request of ['a', 'b', 'c']) {
    log.write(line(request));
    other.write(line(request.toUpperCase()));
  }
  other.close();
  expect(await lines()).toEqual(['a', 'A', 'b', 'B', 'c', 'C']);
});

test('an incomplete line, which a crash of the machine left, is ended before the next line', async () => {
  await writeFile(path, `${JSON.stringify(line('a'))}\n{"time":"20`);
  open().write(line('b'));
  const texts = (await readFile(path, 'utf8')).split('\n');
  expect(texts.slice(1)).toEqual(['{"time":"20', JSON.stringify(line('b')), '']);
});

test('lines wait while the file cannot be written, which is reported once, and are then written in order', async () => {
  const log = open();
  await rm(folder, { recursive: true });
  log.write(line('a'));
  log.write(line('b'));
  expect(log).toMatchObject({ waiting: 2, lost: 0 });
  await mkdir(folder);
  await expect.poll(() => log.waiting).toBe(0);
  log.write(line('c'));
  expect(await lines()).toEqual(['a', 'b', 'c']);
  expect(errors).toEqual([
    expect.stringContaining('usage cannot be written, so lines wait: ENOENT'),
    expect.stringContaining('usage is written again after 2 lines waited'),
  ]);
});

test('the oldest lines beyond the limit of waiting lines are dropped and counted', async () => {
  const log = open({ mostWaiting: 2 });
  await rm(folder, { recursive: true });
  for (const request of ['a', 'b', 'c', 'd']) log.write(line(request));
  expect(log).toMatchObject({ waiting: 2, lost: 2 });
  await mkdir(folder);
  await expect.poll(() => log.waiting).toBe(0);
  expect(await lines()).toEqual(['c', 'd']);
  expect(errors[1]).toContain('2 lines wait, so the oldest are dropped from now on');
});

test('lines that still wait when the log is closed are lost, which is reported', async () => {
  const log = openUsageLog(path, { onError: (message) => errors.push(message), retryMs: 60_000 });
  await rm(folder, { recursive: true });
  log.write(line('a'));
  log.close();
  expect(errors[1]).toBe(`${path}: 1 lines of usage were lost`);
  await mkdir(folder);
});

test.each([
  ['a pipe that nobody reads', () => execFileSync('mkfifo', [path]), 'is a pipe, a socket or a device'],
  ['a directory', () => mkdir(path), 'EISDIR'],
  ['a device', () => symlink('/dev/full', path), 'is a pipe, a socket or a device'],
])('%s is refused at the start, at once', async (_, make, message) => {
  await make();
  expect(() => open()).toThrow(message);
});

test('a pipe that replaces the file does not block the process', async () => {
  const log = open();
  await rename(path, `${path}.1`);
  execFileSync('mkfifo', [path]);
  log.write(line('a'));
  expect(log.waiting).toBe(1);
  expect(errors[0]).toContain('is a pipe, a socket or a device');
  await rm(path);
  await expect.poll(() => log.waiting).toBe(0);
  expect(await lines()).toEqual(['a']);
});

test('a file that cannot be opened at the start is an error', () => {
  path = join(folder, 'none', 'usage.jsonl');
  expect(() => open()).toThrow('ENOENT');
});
