// Measures the costs of the capacity model: `node bench/capacity/calibrate.ts [--rounds 5] [--seconds 3] [--patience 60] [--out FILE]
// [--docs]`, or `npm run bench -- --calibrate`. Serves nano with one gateway and with one and three shards, and counts CPU time, steps and
// rows. Writes infra/capacity/calibration.json, and with --docs the table of docs/capacity.md; the last line is JSON. docs/capacity.md
// explains the costs.
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { readShape } from '../../cli/capacity/read-shape.ts';
import { modelDirectory } from '../../cli/files.ts';
import type { Calibration } from '../../infra/capacity/calibration.ts';
import { commitHere } from '../commit.ts';
import { readFlags } from '../flags.ts';
import { proportionalBytes } from '../process-tree.ts';
import { Quiet } from '../quiet.ts';
import { median } from '../statistics.ts';
import { costsOfCounts, type Load } from './costs-of-counts.ts';
import { decadesOf } from './decades.ts';
import { writeBlock } from './docs-block.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { kernelRates } from './kernel-rates.ts';
import { calibrated, calibratedPrompts, PROMPT, PROMPT_TIMES, type Setup } from './points.ts';
import { decode, prefill, warmUp } from './streams.ts';
import { hopUsOf } from './waking.ts';

const flags = readFlags({
  rounds: '5',
  /** Of each load. */
  seconds: '3',
  /** Seconds to wait, in all, for other work on the machine to end. */
  patience: '60',
  docs: false,
  out: fileURLToPath(new URL('../../infra/capacity/calibration.json', import.meta.url)),
});
const MIB = 2 ** 20;

const log = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
const model = modelDirectory('nano');
const shape = await readShape(model);
const quiet = new Quiet({ log, patienceMs: 1000 * Number(flags.patience) });
const common = { model: shape.name, vocab: shape.vocab };
const commit = commitHere();
const loads: Load[] = [];
const alone: { stepUs: number; context: number }[] = [];
const memory = { gateway: [] as number[], shard: [] as number[] };

log('kernels');
const kernels = await quiet.measure(async () => kernelRates());
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const setup of round % 2 === 0 ? calibrated : calibrated.toReversed()) await measure(setup, round);
}
const { worst, ...costs } = costsOfCounts(loads);
const context = median(alone.map((each) => each.context)) ?? Number.NaN;
const hopUs = hopUsOf(
  { shape, costs: { ...costs, hopUs: 0 } },
  {
    stepUs: median(alone.map(({ stepUs }) => stepUs)) ?? Number.NaN,
    cores: availableParallelism(),
    step: { rows: 1, context, groups: 1 },
  },
);
const measured: Calibration = shortened({
  machine: `${availableParallelism()} threads of ${cpus()[0]?.model.trim()}`,
  date: new Date().toISOString().slice(0, 10),
  commit,
  model: shape,
  ...costs,
  hopUs,
  kernels,
  memory: {
    gatewayMiB: Math.max(...memory.gateway) / MIB,
    shardMiB: Math.max(...memory.shard) / MIB,
  },
  points: calibrated.flatMap(({ shards, streams }) => streams.map((each) => ({ shards, streams: each }))),
});
await writeFile(flags.out, `${JSON.stringify(measured, undefined, 2)}\n`);
log(`wrote ${flags.out}`);
if (flags.docs) await writeBlock('table', decadesOf(measured));
console.log(JSON.stringify({ ...flags, ...measured, worst, othersShare: median(quiet.shares) }));

async function measure({ gateways, shards, streams }: Setup, round: number): Promise<void> {
  log(`round ${round + 1} of ${flags.rounds}: ${shards} shards`);
  const fleet = await startFleet({ model, gateways, shards });
  try {
    await warmUp(fleet, common);
    await quiet.settle();
    for (const each of round % 2 === 0 ? streams : streams.toReversed()) await measureStreams(fleet, each);
    for (const prompt of calibratedPrompts) {
      const { counts } = await quiet.measure(() =>
        prefill(fleet, { ...common, prompt, times: PROMPT_TIMES }),
      );
      loads.push({ counts, context: 0, prompt, requests: PROMPT_TIMES });
    }
    for (const { pid } of fleet.gateways) memory.gateway.push(proportionalBytes(pid));
    for (const { pid } of fleet.shards) memory.shard.push(proportionalBytes(pid));
  } finally {
    await fleet.close();
  }
}

async function measureStreams(fleet: Fleet, streams: number): Promise<void> {
  const seconds = Number(flags.seconds);
  const { counts, positions } = await quiet.measure(() =>
    decode(fleet, { ...common, prompt: PROMPT, streams, seconds }),
  );
  loads.push({ counts, context: positions, requests: streams });
  if (streams === 1 && fleet.shards.length === 1) {
    alone.push({ stepUs: (1000 * counts.atMs) / counts.steps, context: positions });
  }
}

/** With five digits in each number, which are more than the measurement has. */
function shortened<T>(value: T): T {
  const text = JSON.stringify(value, (_, each) =>
    typeof each === 'number' && !Number.isInteger(each) ? Number(each.toPrecision(5)) : each,
  );
  return JSON.parse(text);
}
