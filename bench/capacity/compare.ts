// Compares predictions of the capacity model with runs of real processes: `node bench/capacity/compare.ts [--rounds 3] [--seconds 2]
// [--patience 60] [--docs]`. All processes and the client share the cores of this machine, and the model is told so. It uses the committed
// infra/capacity/calibration.json, and none of the points that were measured for it. Prints a table and the median of the absolute
// errors of speed and time; the last line is JSON; exit code 1 if the median is above 20 %.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { readShape } from '../../cli/capacity/read-shape.ts';
import { modelDirectory } from '../../cli/files.ts';
import { calibration } from '../../infra/capacity/calibration.ts';
import { costsOf } from '../../infra/capacity/costs.ts';
import { sharedSpeed } from '../../infra/capacity/shared-machine.ts';
import { workOf } from '../../infra/capacity/step.ts';
import { commitHere } from '../commit.ts';
import { readFlags } from '../flags.ts';
import { checkLine, table, verdict } from '../print.ts';
import { Quiet } from '../quiet.ts';
import { median } from '../statistics.ts';
import { writeBlock } from './docs-block.ts';
import { startFleet } from './fleet.ts';
import { compared, PROMPT, type Setup } from './points.ts';
import { type Decoded, decode, warmUp } from './streams.ts';

const flags = readFlags({
  rounds: '3',
  /** Of each load. */
  seconds: '2',
  /** Seconds to wait, in all, for other work on the machine to end. */
  patience: '60',
  /** Writes the table into docs/capacity.md. */
  docs: false,
});
const MOST_ERROR = 0.2;

interface Point {
  gateways: number;
  shards: number;
  streams: number;
  measured: Decoded[];
}

const log = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
const cores = availableParallelism();
const model = modelDirectory('nano');
const shape = await readShape(model);
const subject = { shape, costs: costsOf(calibration, shape) };
const common = { model: shape.name, vocab: shape.vocab, prompt: PROMPT };
const quiet = new Quiet({ log, patienceMs: 1000 * Number(flags.patience) });
const commit = commitHere();
const points = compared.flatMap(({ streams, ...size }) =>
  streams.map((each): Point => ({ ...size, streams: each, measured: [] })),
);
requireHeldOut();

for (let round = 0; round < Number(flags.rounds); round++) {
  for (const setup of round % 2 === 0 ? compared : compared.toReversed()) await measure(setup, round);
}
await report();

function requireHeldOut(): void {
  const used = points.find(
    ({ gateways, shards, streams }) =>
      gateways === 1 && calibration.points.some((each) => each.shards === shards && each.streams === streams),
  );
  if (used === undefined) return;
  throw new Error(
    `the point of ${used.shards} shards and ${used.streams} streams was used to calibrate: leave it out of bench/capacity/points.ts`,
  );
}

async function measure({ gateways, shards, streams }: Setup, round: number): Promise<void> {
  log(`round ${round + 1} of ${flags.rounds}: ${gateways} gateways, ${shards} shards`);
  const fleet = await startFleet({ model, gateways, shards });
  try {
    await warmUp(fleet, common);
    await quiet.settle();
    for (const each of round % 2 === 0 ? streams : streams.toReversed()) {
      const load = { ...common, streams: each, seconds: Number(flags.seconds) };
      const decoded = await quiet.measure(() => decode(fleet, load));
      points
        .find((point) => point.gateways === gateways && point.shards === shards && point.streams === each)
        ?.measured.push(decoded);
    }
  } finally {
    await fleet.close();
  }
}

function compare({ gateways, shards, streams, measured }: Point) {
  const of = (value: (decoded: Decoded) => number) => median(measured.map(value)) ?? Number.NaN;
  const rows = streams / gateways;
  const step = { rows, context: of(({ positions }) => positions), groups: shards };
  const predicted = sharedSpeed(subject, { cores, gateways, step });
  const cpuUs = of(({ counts: { engineUs, apiUs, shardUs, clientUs, generated } }) => {
    return (engineUs + apiUs + shardUs + clientUs) / generated;
  });
  const work = workOf(subject, step);
  const predictedCpuUs = (work.engineUs + work.apiUs + work.shardsUs + work.clientUs) / rows;
  const [rate, tokenMs] = [of(({ tokensPerSecond }) => tokensPerSecond), of(({ tokenMs }) => tokenMs)];
  const predictedMs = predicted.stepUs / 1000;
  return {
    ...{ gateways, shards, streams, rate, tokenMs, predictedMs, cpuUs, predictedCpuUs },
    predictedRate: predicted.tokensPerSecond,
    busy: predicted.busy,
    rateError: predicted.tokensPerSecond / rate - 1,
    tokenError: predictedMs / tokenMs - 1,
    cpuError: predictedCpuUs / cpuUs - 1,
  };
}

async function report(): Promise<void> {
  const lines = points.map(compare);
  const percent = (value: number) => `${value > 0 ? '+' : ''}${(100 * value).toFixed(0)} %`;
  const cells = lines.map((line) => [
    `${line.gateways} gateways, ${line.shards} shards, ${line.streams} streams`,
    line.rate.toFixed(0),
    line.predictedRate.toFixed(0),
    percent(line.rateError),
    line.tokenMs.toFixed(2),
    line.predictedMs.toFixed(2),
    percent(line.tokenError),
    line.cpuUs.toFixed(0),
    line.predictedCpuUs.toFixed(0),
    percent(line.cpuError),
  ]);
  const head = [
    'point',
    'tokens/s',
    'predicted',
    'error',
    'ms a token',
    'predicted',
    'error',
    'CPU µs a token',
    'predicted',
    'error',
  ];
  const lined = table(head, cells).join('\n');
  console.log(lined);
  const errors = lines.flatMap(({ rateError, tokenError }) => [Math.abs(rateError), Math.abs(tokenError)]);
  const checked = verdict('median of the absolute errors', median(errors) ?? Number.NaN, MOST_ERROR);
  const least = `at most ${100 * MOST_ERROR} %`;
  const told = checkLine(checked.ok, `${checked.name}: ${(100 * checked.value).toFixed(1)} % (${least})`);
  console.log(told);
  const others = `other processes used ${Math.round(100 * (median(quiet.shares) ?? Number.NaN))} % of the cores`;
  if (flags.docs) await writeBlock('errors', `${lined}\n${told}; ${others}`);
  const machine = { cores, cpu: cpus()[0]?.model.trim(), load: loadavg(), othersShare: median(quiet.shares) };
  console.log(
    JSON.stringify({ ...flags, commit, calibrated: calibration.commit, ...machine, lines, checked }),
  );
  process.exitCode = checked.ok ? 0 : 1;
}
