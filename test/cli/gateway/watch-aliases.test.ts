// Aliases from flags and from a file that changes while the gateway serves.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchAliases } from '../../../cli/gateway/watch-aliases.ts';

type WatchedAliases = Awaited<ReturnType<typeof watchAliases>>;

let folder: string;
let aliases: string;
let log: string[];
let watched: WatchedAliases | undefined;
const models = [{ id: 'nano' }, { id: 'nano-v2' }];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aliases-'));
  aliases = join(folder, 'aliases.json');
  log = [];
});
afterEach(async () => {
  watched?.stop();
  await rm(folder, { recursive: true });
});

async function watch(options: { alias?: string[]; aliases?: string } = {}) {
  const tell = (level: string) => (message: string) => void log.push(`${level} ${message}`);
  const logger = { info: tell('info'), error: tell('error') };
  watched = await watchAliases({ ...options, models, log: logger, everyMs: 10 });
  return watched;
}

/** Writes a new file and renames it. A file that is written in place may look empty to two reads if the disk is busy. */
async function write(weights: unknown): Promise<void> {
  await writeFile(`${aliases}.new`, JSON.stringify({ chat: weights }));
  await rename(`${aliases}.new`, aliases);
}
const now = ({ current }: WatchedAliases) => Object.fromEntries(current().get('chat') ?? []);

test('a changed file is used, and each change is logged once', async () => {
  await write({ nano: 1 });
  const watched = await watch({ aliases });
  expect(now(watched)).toEqual({ nano: 1 });
  await write({ nano: 0, 'nano-v2': 1 });
  await expect.poll(() => now(watched)).toEqual({ nano: 0, 'nano-v2': 1 });
  await write({ nano: 1 });
  await expect.poll(() => now(watched)).toEqual({ nano: 1 });
  expect(log).toEqual([
    'info aliases have changed: chat = nano 0, nano-v2 1',
    'info aliases have changed: chat = nano 1',
  ]);
});

test('a broken or missing file is logged once and leaves the aliases unchanged, and a repaired file is used', async () => {
  await write({ nano: 1 });
  const watched = await watch({ aliases });
  await writeFile(aliases, '{"chat": ');
  await expect.poll(() => log).toHaveLength(1);
  expect(log[0]).toMatch(/^error .*aliases\.json: .*; the aliases stay as they were$/);
  await rm(aliases);
  await expect.poll(() => log).toHaveLength(2);
  expect(log[1]).toContain('ENOENT');
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(log).toHaveLength(2);
  expect(now(watched)).toEqual({ nano: 1 });
  await write({ 'nano-v2': 1 });
  await expect.poll(() => now(watched)).toEqual({ 'nano-v2': 1 });
});

test('aliases of flags and file are merged, and wrong aliases at the start are refused', async () => {
  await write({ nano: 1 });
  const both = await watch({ alias: ['stable=nano'], aliases });
  expect([...both.current().keys()]).toEqual(['stable', 'chat']);
  both.stop();
  await expect(watch({ alias: ['chat=nano'], aliases })).rejects.toThrow(
    'the alias chat is in --alias and in',
  );
  await expect(watch({ aliases: join(folder, 'none') })).rejects.toThrow('ENOENT');
  await write({ nano: -1 });
  await expect(watch({ aliases })).rejects.toThrow('aliases.json: the alias "chat" gives nano a weight');
  expect([...(await watch()).current()]).toEqual([]);
});

test('an empty file is not used, and failing() is true until the file is repaired', async () => {
  await write({ nano: 1 });
  const watched = await watch({ aliases });
  expect(watched.failing()).toBe(false);
  await writeFile(aliases, ' \n');
  await expect.poll(() => watched.failing()).toBe(true);
  expect(log).toEqual([`error ${aliases} is empty; the aliases stay as they were`]);
  expect(now(watched)).toEqual({ nano: 1 });
  await write({ nano: 1 });
  await expect.poll(() => watched.failing()).toBe(false);
});
