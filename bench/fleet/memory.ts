// Memory of `up`, and of a shard without other processes: `node bench/fleet/memory.ts [--model nano] [--shards 4]
// [--streams 16] [--tokens 500] [--cli cli/main.ts]`. Prints proportional set sizes at rest and after a load, and the CPU
// time of the load. Linux only. Run it while no other Node runs, because a page that n processes share counts 1/n in
// each. The last line is JSON.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readFlags } from '../flags.ts';
import { streamCompletion } from '../http.ts';
import { table } from '../print.ts';
import { endTree, processorTicks, proportionalBytes, treeOf } from '../process-tree.ts';
import { sum } from '../statistics.ts';
import { startUp } from '../up-process.ts';

const flags = readFlags({
  model: 'nano',
  shards: '4',
  streams: '16',
  tokens: '500',
  /** The file to run. `dist/cli/main.js` is the compiled code that npm installs; it has no TypeScript to strip. */
  cli: 'cli/main.ts',
});
/** From the start until memory is at rest. In this time experts are read and checked, and Node frees memory of its start-up. */
const REST_MS = 3_000;
const TICKS_PER_SECOND = 100;

const up = await startUp(flags.model, ['--shards', flags.shards], { main: flags.cli });
await delay(REST_MS);
const [gateway = Number.NaN, ...shards] = treeOf(up.pid);
const atRest = [gateway, ...shards].map(proportionalBytes);

const load = () => {
  const url = new URL('/v1/completions', up.url);
  const body = (seed: number) => ({
    model: basename(flags.model),
    prompt: `It was a fine morning, and ${seed}`,
    max_tokens: Number(flags.tokens),
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
    seed,
  });
  return Promise.all(
    Array.from({ length: Number(flags.streams) }, (_, seed) => streamCompletion(url, body(seed))),
  );
};
await load(); // compiles the code
const [before, startedAt] = [processorTicks(up.pid), performance.now()];
const tokens = sum((await load()).map((stream) => stream.tokens));
const seconds = (performance.now() - startedAt) / 1000;
const processorMs = ((processorTicks(up.pid) - before) / TICKS_PER_SECOND) * 1000;
const afterLoad = [gateway, ...shards].map(proportionalBytes);
await up.stop();

const alone = await shardAlone();

const names = ['gateway', ...shards.map((_, index) => `shard ${index}`)];
const megabytes = (value: number) => `${(value / 1e6).toFixed(1)} MB`;
const cells = [
  ...names.map((name, i) => [name, megabytes(atRest[i]!), megabytes(afterLoad[i]!)]),
  ['all', megabytes(sum(atRest)), megabytes(sum(afterLoad))],
  ['a shard by itself', megabytes(alone), ''],
];
console.log(table(['process', 'at rest', 'after the load'], cells).join('\n'));
const rate = tokens / seconds;
const cost = processorMs / tokens;
console.log(`${rate.toFixed(0)} tokens/s, ${cost.toFixed(2)} ms of CPU time a token`);
console.log(
  JSON.stringify({ names, atRest, afterLoad, alone, tokensPerSecond: rate, processorMsPerToken: cost }),
);

/** Proportional set size, in bytes, of a shard with a quarter of the experts while only it and this process run. */
async function shardAlone(): Promise<number> {
  const args = [flags.cli, 'shard', '--model', flags.model, '--experts', '0-23', '--port', '0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  await delay(REST_MS);
  const { pid = Number.NaN } = child;
  const bytes = proportionalBytes(pid);
  await endTree(pid, ended);
  return bytes;
}
