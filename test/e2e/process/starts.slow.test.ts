// Starts that fail: the command must print one line, end with an exit code and not hang, even if sockets are open. Also
// signals during a start.
import { cp, readFile, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import {
  childrenOf,
  eventually,
  freePort,
  isAlive,
  type Running,
  startCli,
  startProcess,
} from '../../support/process.ts';
import { gatewayOf, post, startUp, stream } from '../gateway.ts';

let model: string;
let shard: Running;
let shards: string;
let taken: Server;
let port: number;

beforeAll(async () => {
  model = await tinyBundle();
  shard = startCli(['shard', '--model', model, '--experts', '0-95', '--port', '0', '--log-level', 'warn']);
  const [, address = ''] = await shard.says(/shard ready on (\S+):/);
  shards = address;
  taken = createServer().listen(0, '127.0.0.1');
  await eventually(() => taken.listening);
  const bound = taken.address();
  port = typeof bound === 'object' ? (bound?.port ?? 0) : 0;
});
afterAll(() => taken.close());

/** Lines of standard error without progress and log lines. */
const said = ({ stderr }: Running) => stderr.match(/^(?:expertgrid|error): .*$/gm) ?? [];

const verbs = {
  gateway: () => ['gateway', '--shards', shards],
  up: () => ['up', '--shards', '2'],
};

describe.each(Object.entries(verbs))('%s', (_, verb) => {
  it.each([
    [
      'a context longer than the model’s',
      ['--context', '4096'],
      2,
      /--context 4096: tiny has a context of 512 tokens/,
    ],
    ['too little memory', ['--kv-memory', '1KiB'], 2, /--kv-memory 1KiB: tiny needs at least .*KiB/],
    ['more memory than there is', ['--kv-memory', '900TiB'], 2, /--kv-memory 900TiB: this machine has .*GiB/],
  ])('refuses %s before anything is loaded', async (_what, flags, code, sentence) => {
    const refused = startCli([...verb(), '--model', model, '--port', '0', ...flags]);
    expect(await refused.exit).toEqual({ code, signal: null });
    expect(said(refused)).toEqual([expect.stringMatching(sentence)]);
    expect(refused.stderr).not.toContain('loading');
  });

  it('refuses a port that is in use before it loads anything', async () => {
    const refused = startCli([...verb(), '--model', model, '--port', String(port)]);
    expect(await refused.exit).toEqual({ code: 1, signal: null });
    expect(said(refused)).toEqual([
      expect.stringContaining(`--port ${port}: another process already listens`),
    ]);
    expect(refused.stderr).not.toContain('loading');
  });

  it('refuses a bundle with a truncated file', async () => {
    const broken = join(await tinyFolder(), 'tiny');
    await cp(model, broken, { recursive: true });
    await truncate(join(broken, 'dense.safetensors'), 1_000);
    const refused = startCli([...verb(), '--model', broken, '--port', '0']);
    expect(await refused.exit).toEqual({ code: 1, signal: null });
    expect(said(refused)).toEqual([expect.stringMatching(/dense\.safetensors: has 1000 bytes/)]);
  });
});

it('refuses ports of a shard that are in use before it loads experts', async () => {
  const experts = ['shard', '--model', model, '--experts', '0-95'];
  for (const [flag, flags] of [
    ['--port', ['--port', String(port)]],
    ['--metrics-port', ['--port', '0', '--metrics-port', String(port)]],
  ] as const) {
    const refused = startCli([...experts, ...flags]);
    expect(await refused.exit).toEqual({ code: 1, signal: null });
    expect(said(refused)).toEqual([
      expect.stringContaining(`${flag} ${port}: another process already listens`),
    ]);
    expect(refused.stderr).not.toContain('loading');
  }
});

it('prints once why a shard of up cannot serve', async () => {
  const broken = join(await tinyFolder(), 'tiny');
  await cp(model, broken, { recursive: true });
  const file = join(broken, 'experts-00000.safetensors');
  const bytes = await readFile(file);
  bytes.fill(7, bytes.length - 64);
  await writeFile(file, bytes);
  // With ONNX Runtime, a shard loads and checks all experts before it serves.
  const refused = startCli([...verbs.up(), '--model', broken, '--port', '0', '--device', 'ort-cpu']);
  expect(await refused.exit).toEqual({ code: 1, signal: null });
  const why = /^expertgrid: the shard of experts \S+ cannot serve: .*experts-00000\.safetensors/;
  expect(said(refused)).toEqual([expect.stringMatching(why)]);
});

const preload = ['--import', join(import.meta.dirname, '..', '..', 'support', 'engines', 'faulty-thread.ts')];
const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

/** Starts a `gateway` in which a thread fails when the file `when` exists. Open sockets must not keep a failed thread alive. */
async function faulty(fault: string, { at }: { at: 'start' | 'later' }) {
  const when = join(await tinyFolder(), 'now');
  if (at === 'start') await writeFile(when, '');
  const args = [
    '--max-old-space-size=150',
    ...preload,
    main,
    ...verbs.gateway(),
    '--model',
    model,
    '--port',
    '0',
  ];
  const env = { ...process.env, FAULTY_THREAD: fault, FAULTY_WHEN: when };
  return { gateway: startProcess(process.execPath, args, { env }), when };
}

describe('a thread that fails', () => {
  it.each([
    ['engine:throw', /^expertgrid: the engine thread of tiny has failed: an unexpected fault$/],
    ['engine:heap', /^expertgrid: the engine thread of tiny has failed: its heap is full/],
    ['engine:end', /^expertgrid: the engine thread of tiny has ended$/],
    ['read-ahead:throw', /^expertgrid: an unexpected fault$/],
    ['read-ahead:heap', /^expertgrid: .*memory/],
    ['read-ahead:end', /^expertgrid: the thread that reads the bundle ahead ended before it was done$/],
  ])('%s makes the start end with exit code 1 and one line', async (fault, sentence) => {
    const { gateway } = await faulty(fault, { at: 'start' });
    expect(await gateway.exit).toEqual({ code: 1, signal: null });
    expect(said(gateway)).toEqual([expect.stringMatching(sentence)]);
    expect(gateway.stdout).toBe('');
  });

  it.each([
    ['engine:throw', 'the engine thread of tiny has failed: an unexpected fault'],
    ['engine:heap', 'the engine thread of tiny has failed: its heap is full'],
    ['engine:end', 'the engine thread of tiny has ended'],
    ['main:throw', 'an unexpected fault'],
  ])(
    '%s makes a running gateway end with exit code 1 and its streams with an error',
    async (fault, reason) => {
      const { gateway, when } = await faulty(fault, { at: 'later' });
      const serving = await gatewayOf(gateway);
      let last: unknown;
      let seen = 0;
      for await (const event of stream(serving, { prompt: 'a', max_tokens: 400 })) {
        if (++seen === 1) await writeFile(when, '');
        last = event;
      }
      // On a fast machine, the stream may have finished before.
      if (seen < 400) expect(last).toMatchObject({ error: { code: 'internal' } });
      expect(await gateway.exit).toEqual({ code: 1, signal: null });
      const ends = gateway.stderr.split('\n').filter((line) => line.includes('; the gateway ends"'));
      expect(ends).toEqual([expect.stringContaining(reason)]);
    },
  );
});

describe('a signal while a gateway loads', () => {
  it.each([
    { signal: 'SIGINT', code: 130 },
    { signal: 'SIGTERM', code: 0 },
  ] as const)('$signal ends it with exit code $code', async ({ signal, code }) => {
    const gateway = startCli([...verbs.up(), '--model', model, '--port', '0', '--device', 'ort-cpu']);
    await gateway.says(/loading \d+ %/);
    const children = childrenOf(gateway.pid);
    gateway.signal(signal);
    expect(await gateway.exit).toEqual({ code, signal: null });
    expect(gateway.stdout).toBe('');
    expect(children.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });
});

it('answers health probes while it loads', async () => {
  const own = String(await freePort());
  const loading = startCli([...verbs.up(), '--model', model, '--port', own, '--device', 'ort-cpu']);
  const url = `http://127.0.0.1:${own}`;
  const first = await eventually(() => fetch(`${url}/health/ready`).catch(() => undefined), 60_000);
  expect(first.status).toBe(503);
  expect(await first.json()).toMatchObject({ status: 'not_ready', reason: 'The server is loading tiny.' });
  expect((await fetch(`${url}/health`)).status).toBe(200);
  await gatewayOf(loading);
  await eventually(async () => (await fetch(`${url}/health/ready`)).ok);
});

it('ends on a second Ctrl-C with an error event in its streams, even if the grace period is long', async () => {
  const long = await tinyBundle({ context: 65_536 });
  const up = await startUp(long, ['--in-process', '--grace', '3600', '--log-level', 'info']);
  let last: unknown;
  let seen = 0;
  for await (const event of stream(up, { prompt: 'a', max_tokens: 60_000 })) {
    if (++seen === 2) {
      up.process.signal('SIGINT');
      await up.process.says(/draining/);
      expect((await post(up, { prompt: 'a' })).status).toBe(503);
      expect((await fetch(`${up.url}/health/ready`)).status).toBe(503);
      await delay(300); // two SIGINT within a shorter time count as one Ctrl-C
      up.process.signal('SIGINT');
    }
    last = event;
  }
  expect(last).toMatchObject({ error: { code: 'shutting_down' } });
  expect(await up.process.exit).toEqual({ code: 130, signal: null });
});
