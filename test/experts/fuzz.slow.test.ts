// A million broken frames against a real shard process that is closed by a secret: from proven callers and from strangers.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseHelloAnswer } from '../../experts/wire.ts';
import { parseAddress } from '../../rpc/address.ts';
import { openSocketTransport } from '../../rpc/socket-transport.ts';
import { startProcess } from '../support/process.ts';
import { uniform } from '../support/random.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';
import { answerOf, frameBreaker, hello, honestMessages, honestRun, Victim } from './fuzz.ts';

const main = join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
/** V8 doubles the memory for young objects now and then, by up to 64 MB, which would hide a leak of that size. */
const smallNursery = '--max-semi-space-size=4';
const frames = 1_000_000;
const lanes = 16;
/** A connection is left after so many frames even if it lives: strangers get their share. */
const framesEach = 500;
const secret = Buffer.from('a secret of the tests');

test(`a shard lives through ${frames} broken frames, its memory flat, and answers honest calls right all along`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'));
  const secretFile = join(folder, 'secret');
  await writeFile(secretFile, secret, { mode: 0o600 });
  const flags = ['--model', await tinyBundle(), '--experts', '0-95', '--port', '0', '--log-level', 'error'];
  const shard = startProcess(process.execPath, [
    smallNursery,
    main,
    'shard',
    ...flags,
    '--secret-file',
    secretFile,
  ]);
  const address = parseAddress((await shard.says(/shard ready on ([^\s]+): /))[1] ?? '');
  const transport = await openSocketTransport(address, { hello, security: { secret: () => secret } });
  const greeting = parseHelloAnswer(transport.greeting);
  const [model] = greeting.models;
  if (model === undefined) throw new Error('the shard offers no model');
  const { frameBytes } = greeting.limits;
  const run = honestRun(model);
  const honest = honestMessages(run);
  const expected = await answerOf(transport, run);
  expect(expected).toHaveLength(3 * model.hidden * Float32Array.BYTES_PER_ELEMENT);

  const megabytes: number[] = [];
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
        if (mine % (frames / 10) === 0) megabytes.push(residentMegabytes(shard.pid));
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
  const [first = 0, ...later] = megabytes;
  process.stdout.write(`${JSON.stringify({ frames, cut, strangers, megabytes })}\n`);
  expect(later).toHaveLength(9);
  expect(Math.max(...later) - first).toBeLessThan(24); // a leak of 25 bytes a frame would be as much
  transport.close();
  shard.signal('SIGTERM');
  expect(await shard.exit).toEqual({ code: 0, signal: null });
  await rm(folder, { recursive: true });
}, 300_000);

function residentMegabytes(pid: number): number {
  const kibibytes = execFileSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' });
  return Math.round(Number(kibibytes) / 1024);
}
