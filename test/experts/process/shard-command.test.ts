import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ShardMessage } from '../../../cli/shard/shard-parent.ts';
import { expertRange, readManifest } from '../../../model/bundle/manifest.ts';
import { synth } from '../../../model/synth.ts';
import { parseAddress } from '../../../rpc/address.ts';
import { listen } from '../../../rpc/socket/server.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import { hello } from '../../rpc/transport.cases.ts';

const shape = {
  model_type: 'qwen3_moe',
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  num_experts: 8,
  num_experts_per_tok: 1,
  moe_intermediate_size: 32,
  vocab_size: 300,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  norm_topk_prob: false,
  tie_word_embeddings: false,
  hidden_act: 'silu',
};

let folder: string;
let bundle: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shard-command-'));
  bundle = join(folder, 'bundle');
  await writeFile(join(folder, 'config.json'), JSON.stringify(shape));
  await synth({ shape: join(folder, 'config.json'), to: bundle, bits: 4, seed: 1 });
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rm(folder, { recursive: true }));

interface Started {
  child: ChildProcess;
  /** Messages that the parent has received. */
  messages: ShardMessage[];
  /** Resolves with the address on which the shard serves. */
  ready: Promise<string>;
  /** Resolves with the exit code, and with the text on standard error or the reason that the parent received. */
  ended: Promise<{ code: number | null; errors: string }>;
}

function start(...flags: string[]): Started {
  return startOn(bundle, ...flags);
}

function startOn(model: string, ...flags: string[]): Started {
  const args = ['shard', '--model', model, '--port', '0', ...flags];
  const child = fork(new URL('../../../cli/main.ts', import.meta.url), args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  children.push(child);
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  const messages: ShardMessage[] = [];
  child.on('message', (message: ShardMessage) => {
    messages.push(message);
    if (message.type === 'failed') errors += message.message;
  });
  // The event 'close' is not used, because it never comes if the parent has closed its side of the channel first.
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const read = new Promise((resolve) => child.stderr?.once('close', resolve));
  return {
    child,
    messages,
    ready: new Promise((resolve) => {
      child.on('message', (message: ShardMessage) => message.type === 'ready' && resolve(message.address));
    }),
    ended: Promise.all([exited, read]).then(([code]) => ({ code, errors })),
  };
}

test('a shard serves the experts of --experts, and drains and exits with 0 on SIGTERM', async () => {
  const { child, ready, ended } = start('--experts', '0-1,1:7');
  let told = '';
  const params = { protocol: 1, role: 'gateway', version: 'test' };
  const onNotification = (method: string) => {
    told = method;
  };
  const transport = await openSocketTransport(parseAddress(await ready), { hello: params, onNotification });
  expect(transport.greeting).toMatchObject({
    state: 'available',
    models: [
      {
        bits: 4,
        layers: 2,
        experts: 8,
        hidden: 64,
        holdings: [
          [0, 0, 1],
          [1, 0, 1],
          [1, 7, 7],
        ],
      },
    ],
  });
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 0, errors: '' });
  expect(told).toBe('draining');
});

test.each(['a signal', 'an operator'])('a shard that %s drains tells its parent', async (by) => {
  const { child, messages, ready, ended } = start('--experts', '0-7');
  const address = await ready;
  if (by === 'a signal') child.kill('SIGTERM');
  else {
    const params = { protocol: 1, role: 'admin', version: 'test' };
    const admin = await openSocketTransport(parseAddress(address), { hello: params });
    await admin.call('shard.drain', { force: true }, { deadlineMs: 60_000 });
  }
  expect((await ended).code).toBe(0);
  expect(messages.at(-1)).toEqual({ type: 'leaving' });
});

test('a shard that leaves service because of a fault exits with 1, and does not tell its parent that it was drained', async () => {
  const damaged = join(folder, 'damaged');
  await cp(bundle, damaged, { recursive: true });
  const { file, offset } = expertRange(await readManifest(damaged), { layer: 1, expert: 3 });
  const handle = await open(join(damaged, file), 'r+');
  await handle.write(Uint8Array.of(255, 255, 255, 255), 0, 4, offset);
  await handle.close();
  const { child, messages, ready, ended } = startOn(damaged, '--experts', '0-7');
  await ready;
  child.send({ type: 'read-ahead' });
  const { code, errors } = await ended;
  expect(code).toBe(1);
  expect(errors).toMatch(/expert 3 of layer 1: does not match its hash .*; leaving service/);
  expect(messages.map(({ type }) => type)).not.toContain('leaving');
});

test('a shard ends if its parent has died', async () => {
  const { child, ready, ended } = start('--experts', '0-7');
  await ready;
  child.disconnect();
  expect((await ended).code).toBe(0);
});

test('a shard ends if its port is in use, and its parent receives an error that names the flag', async () => {
  const server = await listen({ handlers: { hello } });
  const { port } = server.address;
  const { code, errors } = await start('--experts', '0', '--port', `${port}`).ended;
  await server.close();
  expect(code).toBe(1);
  expect(errors).toMatch(new RegExp(`^--port ${port}: another process already listens on 127.0.0.1:${port}`));
});

test('a shard refuses two bundles of one checkpoint', async () => {
  const copy = join(folder, 'copy');
  await cp(bundle, copy, { recursive: true });
  const { code, errors } = await start('--experts', '0-3', '--model', copy, '--experts', '4-7').ended;
  expect(code).toBe(1);
  expect(errors).toContain(`${bundle} and ${copy} are bundles of one checkpoint`);
});

test.each([
  ['experts that the model does not have', ['--experts', '0-8'], '"0-8" names expert 8; the last is 7'],
  [
    'an address that others could reach',
    ['--experts', '0', '--host', '0.0.0.0'],
    '--host 0.0.0.0: anyone who can connect',
  ],
  ['no experts at all', [], 'say which experts to hold with --experts'],
  [
    'experts of one model of two',
    ['--experts', '0-7', '--model', 'another'],
    'give one --experts for each --model, in the same order, not 2 models and 1 list',
  ],
])('a shard exits with 2 and prints the reason: %s', async (_name, flags, reason) => {
  const { code, errors } = await start(...flags).ended;
  expect(code).toBe(2);
  expect(errors).toContain(reason);
});

test('a state directory is locked for one process, and free again after that process was killed', async () => {
  const state = join(folder, 'state');
  const lock = new URL('../../../cli/shard/shard-state.ts', import.meta.url).pathname;
  const script = `import(${JSON.stringify(lock)}).then(({ lockState }) => {
    lockState(${JSON.stringify(state)}, console);
    process.send('locked');
    setInterval(() => {}, 1e9);
  })`;
  const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(holder);
  await once(holder, 'message');

  const { code, errors } = await start('--experts', '0', '--state', state).ended;
  expect(code).toBe(1);
  expect(errors).toContain(`--state ${state} is in use by the shard with pid ${holder.pid} on `);

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await start('--experts', '0', '--state', state).ready;
});
