// Sends a million broken frames to a real shard process with a secret, from callers with and without the secret.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseHelloAnswer } from '../../../experts/wire/hello.ts';
import { parseAddress } from '../../../rpc/address.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { startProcess } from '../../support/process.ts';
import { uniform } from '../../support/random.ts';
import { answerOf, frameBreaker, hello, honestMessages, honestRun, Victim } from './fuzz.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');
const frames = 1_000_000;
const lanes = 16;
/** Most frames on one connection. Then the next connection begins, so that callers without the secret also send enough frames. */
const framesEach = 500;
const secret = Buffer.from('a secret of the tests');

test(`a shard survives ${frames} broken frames with constant memory, and answers valid calls correctly meanwhile`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'));
  const secretFile = join(folder, 'secret');
  await writeFile(secretFile, secret, { mode: 0o600 });
  const flags = ['--model', await tinyBundle(), '--experts', '0-95', '--port', '0', '--log-level', 'error'];
  const shard = startProcess(process.execPath, [
    '--inspect=127.0.0.1:0',
    main,
    'shard',
    ...flags,
    '--secret-file',
    secretFile,
  ]);
  const address = parseAddress((await shard.says(/shard ready on ([^\s]+): /))[1] ?? '');
  const [, inspector = ''] = await shard.says(/Debugger listening on (ws:\S+)/);
  const probe = await memoryProbe(inspector);
  const transport = await openSocketTransport(address, { hello, security: { secret: () => secret } });
  const greeting = parseHelloAnswer(transport.greeting);
  const [model] = greeting.models;
  if (model === undefined) throw new Error('the shard offers no model');
  const { frameBytes } = greeting.limits;
  const run = honestRun(model);
  const honest = honestMessages(run);
  const expected = await answerOf(transport, run);
  expect(expected).toHaveLength(3 * model.hidden * Float32Array.BYTES_PER_ELEMENT);

  const memory: Memory[] = [];
  let sent = 0;
  let cut = 0;
  let strangers = 0;
  async function lane(number: number): Promise<void> {
    const next = uniform(number + 1);
    const broken = frameBreaker(honest, next);
    while (sent < frames) {
      const stranger = next() < 0.1;
      const victim = await (stranger
        ? Victim.connect({ address, frameBytes: 64 * 1024 })
        : Victim.open({ address, frameBytes, secret }));
      let lives = true;
      for (let i = 0; lives && i < framesEach && sent < frames; i++) {
        const mine = ++sent;
        if (mine % (frames / 10) === 0) memory.push(await probe.measure());
        if (mine % 1_000 === 0) expect(await answerOf(transport, run)).toEqual(expected);
        lives = await victim.survives(broken());
      }
      if (!lives) cut++;
      if (stranger) strangers++;
      victim.end();
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));

  expect(await answerOf(transport, run)).toEqual(expected);
  expect(cut).toBeGreaterThan(frames / 20);
  expect(strangers).toBeGreaterThan(frames / 100);
  process.stdout.write(`${JSON.stringify({ frames, cut, strangers, memory })}\n`);
  const [first, ...later] = memory;
  if (first === undefined) throw new Error('memory was never measured');
  expect(later).toHaveLength(9);
  expect(Math.max(...later.map(({ live }) => live)) - first.live).toBeLessThan(5); // in MB: 5 bytes for each of a million frames
  expect(Math.max(...later.map(({ resident }) => resident)) - first.resident).toBeLessThan(64);
  probe.close();
  transport.close();
  shard.signal('SIGTERM');
  expect(await shard.exit).toEqual({ code: 0, signal: null });
  await rm(folder, { recursive: true });
}, 600_000);

interface Memory {
  /** Reachable objects and buffers, in MB. */
  live: number;
  /** Memory of the process in MB, including free memory that the allocators keep. */
  resident: number;
}

/** Asks a process for its memory after a full garbage collection. Before a collection, garbage varies by tens of MB. */
async function memoryProbe(url: string): Promise<{ measure: () => Promise<Memory>; close: () => void }> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  let lastId = 0;
  async function ask(method: string, params: object = {}): Promise<{ result?: { value?: string } }> {
    const id = ++lastId;
    const answer = Promise.withResolvers<{ result?: { value?: string } }>();
    const onMessage = ({ data }: MessageEvent) => {
      const message = JSON.parse(String(data));
      if (message.id === id) answer.resolve(message.result);
    };
    socket.addEventListener('message', onMessage);
    socket.send(JSON.stringify({ id, method, params }));
    const result = await answer.promise;
    socket.removeEventListener('message', onMessage);
    return result;
  }
  return {
    async measure() {
      await ask('HeapProfiler.collectGarbage');
      const expression = 'JSON.stringify(process.memoryUsage())';
      const { result } = await ask('Runtime.evaluate', { expression });
      const { heapUsed, external, rss } = JSON.parse(result?.value ?? '{}');
      return { live: megabytes(heapUsed + external), resident: megabytes(rss) };
    },
    close: () => socket.close(),
  };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}
