// A shard that runs as a child process is restarted when it dies, until it serves again. It is not restarted after a drain.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { ShardProcess } from '../../../cli/shard/shard-process.ts';
import { parseAddress } from '../../../rpc/address.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { childrenOf, eventually } from '../../support/process.ts';

/** `ShardProcess` starts this program. */
const node = process.execPath;
afterEach(() => {
  process.execPath = node;
});

async function shardProcess() {
  const model = await tinyBundle({ layers: 1, experts: 4 });
  const logs: string[] = [];
  const log = pino({}, { write: (line: string) => logs.push(JSON.parse(line).msg) });
  const options = { device: 'cpu', threads: 1, prefetch: undefined, security: undefined, log };
  const levels = { logLevel: 'error', logFormat: 'json' } as const;
  const shard = new ShardProcess({ holds: [{ model, experts: '0-3' }], ...options, ...levels });
  onTestFinished(() => shard.stop(5_000));
  const pid = () => childrenOf(process.pid).find(({ command }) => command.includes(model))?.pid;
  return { shard, logs, pid };
}

async function serves(address: string): Promise<boolean> {
  const hello = { protocol: 1, role: 'gateway', version: 'test' };
  const opening = openSocketTransport(parseAddress(address), { hello });
  return await opening.then(
    (transport) => {
      transport.close();
      return true;
    },
    () => false,
  );
}

test.each([
  ['does not exist', '/nonexistent/node'],
  ['has a path that the system does not accept', 'node\0'],
])('a shard is restarted until its process starts: the program %s', async (_, program) => {
  const { shard, logs, pid } = await shardProcess();
  const address = await shard.start();
  const first = pid()!;
  process.execPath = program;
  process.kill(first, 'SIGKILL');
  await eventually(() => logs.filter((line) => /could not be started; restarting it/.test(line)).length >= 2);
  process.execPath = node;
  await eventually(() => serves(address));
  expect(pid()).not.toBe(first);
});

test('a shard whose process cannot be started can be stopped, and its first start rejects', async () => {
  const { shard, logs } = await shardProcess();
  process.execPath = '/nonexistent/node';
  const starting = shard.start();
  const stopped = shard.stop(60_000);
  await expect(starting).rejects.toThrow(
    'the shard of experts 0-3 cannot serve: spawn /nonexistent/node ENOENT',
  );
  await stopped;
  expect(logs).toEqual([]);
});

test.each([
  ['leaves service on purpose', "process.send({ type: 'leaving' })", /^shard was drained; it is not/],
  ['does not leave on purpose', '', /^shard exited with 1; restarting it/],
])('a shard that exits with 1 and %s', async (_, leave, expected) => {
  const { shard, logs } = await shardProcess();
  process.execPath = join(await tinyFolder(), 'shard');
  const script = `#!${node}\nprocess.send({ type: 'ready', address: 'nowhere', port: 1 }, () => { ${leave}; process.exit(1); });`;
  await writeFile(process.execPath, script, { mode: 0o700 });
  await shard.start();
  await eventually(() => logs.length > 0);
  await delay(500);
  for (const line of logs) expect(line).toMatch(expected);
});
