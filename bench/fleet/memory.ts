// Memory of `up` and of a shard by itself: `node bench/fleet/memory.ts [--model nano] [--shards 4] [--streams 16]
// [--tokens 500] [--cli cli/main.ts]`. Proportional set sizes at rest and after a load, and what the load took of the
// processors. Linux only. A page of Node itself that n processes share counts 1/n in each, so run it while no other Node
// does. Its last line is JSON.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { streamCompletion } from '../load/http-stream.ts';
import { endTree, processorTicks, proportionalBytes, treeOf } from '../process-tree.ts';
import { startUp } from '../up-process.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    shards: { type: 'string', default: '4' },
    streams: { type: 'string', default: '16' },
    tokens: { type: 'string', default: '500' },
    /** Compiled, `dist/cli/main.js`, it is what the packed install has: no TypeScript is stripped then. */
    cli: { type: 'string', default: 'cli/main.ts' },
  },
});
/** Experts are still read and checked then, and Node frees what its start needed. Milliseconds. */
const REST_MS = 3_000;
const TICKS_PER_SECOND = 100;

const up = await startUp(flags.model, ['--shards', flags.shards], flags.cli);
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
await load(); // compiles what is hot
const [before, startedAt] = [processorTicks(up.pid), performance.now()];
const tokens = (await load()).reduce((sum, stream) => sum + stream.tokens, 0);
const seconds = (performance.now() - startedAt) / 1000;
const processorMs = ((processorTicks(up.pid) - before) / TICKS_PER_SECOND) * 1000;
const afterLoad = [gateway, ...shards].map(proportionalBytes);
await up.stop();

const alone = await shardAlone();

const names = ['gateway', ...shards.map((_, index) => `shard ${index}`)];
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const megabytes = (value: number) => `${(value / 1e6).toFixed(1)} MB`;
console.log('| process | at rest | after the load |\n| --- | --- | --- |');
names.forEach((name, i) => {
  console.log(`| ${name} | ${megabytes(atRest[i]!)} | ${megabytes(afterLoad[i]!)} |`);
});
console.log(`| all | ${megabytes(sum(atRest))} | ${megabytes(sum(afterLoad))} |`);
console.log(`| a shard by itself | ${megabytes(alone)} | |\n`);
const rate = tokens / seconds;
const cost = processorMs / tokens;
console.log(`${rate.toFixed(0)} tokens/s, ${cost.toFixed(2)} ms of processor time a token`);
console.log(
  JSON.stringify({ names, atRest, afterLoad, alone, tokensPerSecond: rate, processorMsPerToken: cost }),
);

/** Bytes of a shard with a quarter of the experts, while nothing else of ours runs. */
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
