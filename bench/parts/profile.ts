// Where the CPU time of a step with shards goes: `node bench/parts/profile.ts --model DIR [--shards 4] [--streams 1] [--prompt 16]
// [--tokens 128] [--threads N]`. The engine runs in this process and every shard in a process of its own, over loopback.
// Prints milliseconds of CPU time a decode step; the last line is JSON. Run it on a machine that does nothing else.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { modelDirectory } from '../../cli/files.ts';
import { kernels as loaded, missingReason } from '../../kernels/kernels.ts';
import { openCpuDense, openCpuExperts } from '../../model/devices/cpu/open-cpu.ts';
import { createHostKernels } from '../../model/devices/host-kernels.ts';
import { socketMember } from '../../router/shards/member.ts';
import { parseAddress } from '../../rpc/address.ts';
import { untilOutput } from '../child-output.ts';
import { type Count, cpuTimeOf, machineTime, OTHER_PROCESSES, profileOf } from '../cpu-time.ts';
import { readFlags } from '../flags.ts';
import { generate, openEngine } from '../in-process.ts';
import { readConfig } from '../inputs.ts';
import { table } from '../print.ts';
import { Quiet } from '../quiet.ts';
import { sum } from '../statistics.ts';
import { METERED_SHARD_READY, shardAddresses } from '../up-process.ts';
import { timedKernels } from './timed-kernels.ts';

/** If other processes use a larger share of all cores, the profile is disturbed. */
const DISTURBED = 0.08;

const flags = readFlags({
  model: 'nano',
  shards: '4',
  streams: '1',
  prompt: '16',
  tokens: '128',
  threads: String(availableParallelism()),
});
if (loaded === undefined) throw new Error(missingReason);
const model = modelDirectory(flags.model);
const [streams, prompt, tokens] = [flags.streams, flags.prompt, flags.tokens].map(Number) as [
  number,
  number,
  number,
];
const { kernels, spent, reset } = timedKernels(loaded);
const { experts, vocab } = await readConfig(model);
const shards = await startShards(Number(flags.shards));
// The shards first read and check their experts.
await new Quiet({ log: console.log, patienceMs: 0 }).settle();

interface TimedCount extends Count {
  atMs: number;
}

interface Shard {
  child: ChildProcess;
  address: string;
  metrics: string;
}

try {
  const { engine, close } = await openEngine({
    model,
    members: shards.map(({ address }) => socketMember(parseAddress(address))),
    open: async (bundle) => ({
      dense: await openCpuDense(kernels, { bundle, threads: Number(flags.threads) }),
      experts: openCpuExperts(kernels, { bundle }),
      host: createHostKernels(kernels),
    }),
  });
  for (let i = 0; i < 3; i++) await runStreams(() => {});
  let before: TimedCount | undefined;
  let steps = 0;
  await runStreams(async () => {
    if (before === undefined) {
      before = await count();
      reset();
    } else steps++;
  });
  const after = await count();
  await close();
  if (before === undefined) throw new Error('no stream had a token');
  print(before, after, steps);
  async function runStreams(onToken: () => void | Promise<void>): Promise<void> {
    const run = async (isFirst: boolean) => {
      const ids = Int32Array.from({ length: prompt }, () => Math.floor(Math.random() * vocab));
      for await (const _ of generate(engine, { prompt: ids, maxTokens: tokens }))
        if (isFirst) await onToken();
    };
    await Promise.all(Array.from({ length: streams }, (_, i) => run(i === streams - 1)));
  }
} finally {
  for (const { child } of shards) child.kill('SIGKILL');
}

async function startShards(number: number): Promise<Shard[]> {
  const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  const first = (index: number) => Math.floor((index * experts) / number);
  return await Promise.all(
    Array.from({ length: number }, async (_, i) => {
      const held = `${first(i)}-${first(i + 1) - 1}`;
      const args = ['shard', '--model', model, '--experts', held, '--port', '0', '--metrics-port', '0'];
      const quiet = ['--threads', flags.threads, '--check-every', '0', '--log-level', 'warn'];
      const child = spawn(process.execPath, [main, ...args, ...quiet], { stdio: ['ignore', 'pipe', 'pipe'] });
      await once(child, 'spawn');
      const said = await untilOutput(child, METERED_SHARD_READY, `shard ${i}`);
      const { shard: address, metrics } = shardAddresses(said);
      return { child, address, metrics };
    }),
  );
}

async function count(): Promise<TimedCount> {
  const runs = await Promise.all(
    shards.map(async ({ metrics }) => {
      const page = await (await fetch(metrics)).text();
      return 1000 * Number(/^expertgrid_shard_run_seconds_sum (\S+)/m.exec(page)?.[1] ?? Number.NaN);
    }),
  );
  return {
    atMs: performance.now(),
    gateway: cpuTimeOf(process.pid),
    shards: shards.map(({ child }) => cpuTimeOf(child.pid ?? Number.NaN)),
    shardRunsMs: sum(runs),
    machine: machineTime(),
  };
}

function print(before: TimedCount, after: TimedCount, steps: number): void {
  const kernelCallsMs = sum([...spent.values()]);
  const parts = profileOf(before, after, kernelCallsMs);
  const stepMs = (after.atMs - before.atMs) / steps;
  const whole = sum(parts.map(({ ms }) => ms));
  const cells = parts.map(({ name, ms }) => [
    name,
    (ms / steps).toFixed(2),
    `${((100 * ms) / whole).toFixed(0)} %`,
  ]);
  const title = `CPU of a step, ${flags.shards} shards, ${streams} streams`;
  console.log(
    table([title, 'ms', 'share'], [...cells, ['all cores', (whole / steps).toFixed(2), '']]).join('\n'),
  );
  console.log(`a step takes ${stepMs.toFixed(2)} ms; ${steps} steps on ${availableParallelism()} cores`);
  const others = parts.find(({ name }) => name === OTHER_PROCESSES)!.ms / whole;
  if (others > DISTURBED) {
    const percent = Math.round(100 * others);
    console.error(
      `other processes used ${percent} % of the cores, so threads waited for cores inside kernels: the split between kernels and everything else is wrong`,
    );
  }
  const perStep = parts.map(({ name, ms }) => [name, ms / steps] as const);
  console.log(JSON.stringify({ ...flags, steps, stepMs, parts: Object.fromEntries(perStep) }));
}
