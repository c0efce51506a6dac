// Where a step's time goes: `node bench/parts/step.ts --model DIR [--streams 1] [--prompt 16] [--tokens 64] [--threads N]
// [--shards 1] [--warm]`. The engine runs in this thread with its experts in process; every entry of the kernels is timed
// where it is called; the rest is JavaScript. Prints milliseconds a step; the last line is JSON.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { ShardService } from '../../experts/service.ts';
import { Engine } from '../../gateway/engine/engine.ts';
import { neutralSampling } from '../../gateway/engine/messages.ts';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import { type Kernels, kernels as loaded, missingReason } from '../../kernels/kernels.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import { openCpuDense, openCpuExperts } from '../../model/devices/cpu/open-cpu.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { createHostKernels } from '../../model/devices/host-kernels.ts';
import { Fleet } from '../../router/fleet.ts';
import { localMember } from '../../router/shards/member.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    streams: { type: 'string', default: '1' },
    prompt: { type: 'string', default: '16' },
    tokens: { type: 'string', default: '64' },
    threads: { type: 'string', default: String(availableParallelism()) },
    shards: { type: 'string', default: '1' },
    warm: { type: 'boolean', default: false },
  },
});
if (loaded === undefined) throw new Error(missingReason);
if (flags.model === undefined) throw new Error('--model DIR names the bundle to run');
const streams = Number(flags.streams);
const tokens = Number(flags.tokens);
const prompt = Number(flags.prompt);

/** Milliseconds in each entry since the last look. */
const spent = new Map<string, number>();
const calls = new Map<string, number>();
const kernels = timed(loaded);

const bundle = await openBundle(flags.model);
const { config, manifest } = bundle;
const { layers, experts, hidden, vocab } = config;
const dense = await openCpuDense(kernels, { bundle, threads: Number(flags.threads) });
const device = openCpuExperts(kernels, { bundle });
const units = Array.from({ length: layers * experts }, (_, i): Unit => {
  return { layer: Math.floor(i / experts), expert: i % experts };
});
await device.load(units);
if (flags.warm) for (const unit of units) device.mapIn(unit);
const fleet = new Fleet({
  members: membersOf(bundle),
  model: { identity: manifest.identity, layers, experts, hidden },
});
await fleet.whenReady(10_000);
const rules = await routingRules(bundle);
const { identity, contentHash: content } = manifest;
const served = { config, identity, content, dense, fleet, rules, ...createHostKernels(kernels) };
const engine = new Engine({ ...served, prefillRows: 512 });

const prefillMs = await run(1, 512, 1);
console.log(
  `a prompt of 512: ${prefillMs[0]!.toFixed(0)} ms; again: ${(await run(1, 512, 1))[0]!.toFixed(0)} ms`,
);
spent.clear();
calls.clear();
console.log(`and again: ${(await run(1, 512, 1))[0]!.toFixed(0)} ms`);
print(1, 'a prompt of 512');
for (let round = 0; round < 3; round++) {
  const times = await run(streams, prompt, tokens, () => {
    spent.clear();
    calls.clear();
  });
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const mean = (times.at(-1)! - times[0]!) / gaps.length;
  print(gaps.length, `${streams} streams`, mean);
}
await engine.close(0);
fleet.close();
await device.dispose();
await dense.dispose();
await bundle.close();
console.log(JSON.stringify(Object.fromEntries(spent)));

function print(steps: number, title: string, total?: number): void {
  const of = (value: number) => (value / steps).toFixed(3).padStart(9);
  let sum = 0;
  console.log(`\n${title}, ms a step`);
  for (const [name, ms] of [...spent].sort((a, b) => b[1] - a[1])) {
    sum += ms;
    console.log(
      `${name.padEnd(16)}${of(ms)}  ${(((ms / calls.get(name)!) * 1000) | 0).toString().padStart(6)} µs x ${(calls.get(name)! / steps).toFixed(1)}`,
    );
  }
  console.log(`${'kernels'.padEnd(16)}${of(sum)}`);
  if (total !== undefined) console.log(`${'whole'.padEnd(16)}${total.toFixed(3).padStart(9)}`);
}

/** Arrival of each token of the first stream, from the start. `onFirst` is called when it has its first. */
async function run(count: number, length: number, most: number, onFirst?: () => void): Promise<number[]> {
  const started = performance.now();
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, stream) => {
      const request = {
        id: `s${stream}`,
        prompt: Int32Array.from({ length }, () => Math.floor(Math.random() * vocab)),
        maxTokens: most,
        stopIds: [],
        sampling: { ...neutralSampling, temperature: 0, seed: 1 },
      };
      for await (const part of engine.generate(request, new AbortController().signal)) {
        if (part.type === 'error') throw new Error(JSON.stringify(part.error));
        if (stream > 0 || part.type !== 'token') continue;
        times.push(performance.now() - started);
        if (times.length === 1) onFirst?.();
      }
    }),
  );
  return times;
}

function timed(addon: Kernels): Kernels {
  return new Proxy(addon, {
    get(target, name: keyof Kernels) {
      const entry = target[name] as (...parts: unknown[]) => unknown;
      return (...parts: unknown[]) => {
        const from = performance.now();
        const result = Reflect.apply(entry, target, parts);
        spent.set(name, (spent.get(name) ?? 0) + performance.now() - from);
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return result;
      };
    },
  });
}

function membersOf({ bits, group }: Bundle) {
  const count = Number(flags.shards);
  return Array.from({ length: count }, (_, shard) => {
    const { handlers, run } = new ShardService({
      models: [
        {
          device,
          model: {
            identity: manifest.identity,
            content: manifest.contentHash,
            bits,
            group,
            layers,
            experts,
            hidden,
          },
          units: units.filter(({ expert }) => expert % count === shard),
        },
      ],
      version: 'bench',
    });
    return localMember(`in-process-${shard}`, handlers, run);
  });
}
