// Time of each part of a step: `node bench/parts/step.ts --model DIR [--streams 1] [--prompt 16] [--tokens 64] [--threads
// N] [--prefetch none] [--shards 1] [--warm]`. The engine and its shards run in this thread, and every call of a kernel is timed; the rest
// of a step is JavaScript. `--warm` reads all experts before the run. Prints milliseconds a step; the last line is JSON.
import { availableParallelism } from 'node:os';
import { kernels as loaded, missingReason } from '../../kernels/kernels.ts';
import { openCpuDense, openCpuExperts } from '../../model/devices/cpu/open-cpu.ts';
import { parsePrefetch } from '../../model/devices/cpu/prefetch.ts';
import { createHostKernels } from '../../model/devices/host-kernels.ts';
import { readFlags } from '../flags.ts';
import { generate, openEngine } from '../in-process.ts';
import { sum } from '../statistics.ts';
import { timedKernels } from './timed-kernels.ts';

const flags = readFlags({
  model: undefined,
  streams: '1',
  prompt: '16',
  tokens: '64',
  threads: String(availableParallelism()),
  prefetch: 'none',
  shards: '1',
  warm: false,
});
if (loaded === undefined) throw new Error(missingReason);
if (flags.model === undefined) throw new Error('--model DIR is missing: the bundle to run');
const prefetch = parsePrefetch(flags.prefetch);
if (prefetch === undefined) throw new Error(`--prefetch ${flags.prefetch}: give none, or such as t0:4096`);
loaded.setPrefetch(prefetch.hint, prefetch.aheadBytes);
const streams = Number(flags.streams);
const tokens = Number(flags.tokens);
const prompt = Number(flags.prompt);

const { kernels, spent, calls, reset } = timedKernels(loaded);

const { engine, close } = await openEngine({
  model: flags.model,
  shards: Number(flags.shards),
  options: { prefillRows: 512 },
  open: async (bundle, units) => {
    const dense = await openCpuDense(kernels, { bundle, threads: Number(flags.threads) });
    const experts = openCpuExperts(kernels, { bundle });
    await experts.load(units);
    if (flags.warm) for (const unit of units) experts.mapIn(unit);
    return { dense, experts, host: createHostKernels(kernels) };
  },
});
const { vocab } = engine.info;

const firstMs = await prefillMs();
console.log(`a prompt of 512: ${firstMs.toFixed(0)} ms; again: ${(await prefillMs()).toFixed(0)} ms`);
reset();
console.log(`and again: ${(await prefillMs()).toFixed(0)} ms`);
print(1, 'a prompt of 512');
for (let round = 0; round < 3; round++) {
  const times = await run(streams, prompt, tokens, reset);
  const steps = times.length - 1;
  print(steps, `${streams} streams`, (times.at(-1)! - times[0]!) / steps);
}
await close();
console.log(JSON.stringify(Object.fromEntries(spent)));

/** Prints the times of the kernels, and the whole time of a step if it is known. */
function print(steps: number, title: string, wholeMs?: number): void {
  const line = (name: string, ms: number) => `${name.padEnd(16)}${ms.toFixed(3).padStart(9)}`;
  console.log(`\n${title}, ms a step`);
  for (const [name, ms] of [...spent].sort((a, b) => b[1] - a[1])) {
    const count = calls.get(name)!;
    const eachUs = String(Math.floor((1000 * ms) / count)).padStart(6);
    console.log(`${line(name, ms / steps)}  ${eachUs} µs x ${(count / steps).toFixed(1)}`);
  }
  console.log(line('kernels', sum([...spent.values()]) / steps));
  if (wholeMs !== undefined) console.log(line('whole', wholeMs));
}

async function prefillMs(): Promise<number> {
  const [ms] = await run(1, 512, 1);
  return ms!;
}

/** Milliseconds from the start to each token of the first stream. `onFirst` is called when that stream has its first token. */
async function run(
  count: number,
  promptLength: number,
  maxTokens: number,
  onFirst = () => {},
): Promise<number[]> {
  const started = performance.now();
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, stream) => {
      const ids = Int32Array.from({ length: promptLength }, () => Math.floor(Math.random() * vocab));
      for await (const _ of generate(engine, { prompt: ids, maxTokens })) {
        if (stream > 0) continue;
        times.push(performance.now() - started);
        if (times.length === 1) onFirst();
      }
    }),
  );
  return times;
}
