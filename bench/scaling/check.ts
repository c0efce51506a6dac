// Checks the simulator against real processes: `node bench/scaling/check.ts [options]`. The rules scale gateways and shards of nano on
// this machine for some minutes, by their /v1/scaling pages and with the simulator's own decisions. The simulator predicts the same
// requests from what is measured at the start. Prints both and their differences. The last line is JSON.
//
// More processes on the same cores have no more computing power. So the capacity of a gateway here is the number of its sequences, and each
// sequence waits for shards that a relay puts a few milliseconds away: the cores are idle most of the time.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { countsAfter, isSyncDue, newScaler, type ScalerSettings, scale } from '../../infra/scaling/scaler.ts';
import type { CellModel } from '../../infra/scaling/simulator/cell-model.ts';
import { simulate } from '../../infra/scaling/simulator/simulate.ts';
import { type ArrivingRequest, arrivals } from '../../infra/scaling/simulator/traffic.ts';
import { uniform } from '../../test/support/random.ts';
import { endAtSignals } from '../chaos/processes.ts';
import { commitHere } from '../commit.ts';
import { readFlags } from '../flags.ts';
import { readConfig } from '../inputs.ts';
import { table } from '../print.ts';
import { mean, sum } from '../statistics.ts';
import { CheckCell } from './check-cell.ts';
import { play } from './check-client.ts';
import { measureCell } from './check-measure.ts';
import { checkModel, checkSettings, checkTraffic, SEQUENCES, slowerBy } from './check-model.ts';
import { type CheckSample, type Comparison, compare, type Track } from './check-report.ts';

const usage = `node bench/scaling/check.ts [options]
  --seconds N   length of the trace (default 240)
  --delay MS    milliseconds in each direction between gateways and shards (default 10)
  --seed N      seed of the requests (default 1)
  --model DIR   bundle (default nano)
`;
const flags = readFlags({ seconds: '240', delay: '10', seed: '1', model: 'nano', help: false });
if (flags.help) {
  process.stdout.write(usage);
  process.exit(0);
}
endAtSignals();

const GROUPS = 2;
const GRACE_SECONDS = 60;
const STEP_SECONDS = 0.1;
const TICK_MS = 100;

const model = modelDirectory(flags.model);
const config = await readConfig(model);
const seconds = Number(flags.seconds);
const commit = commitHere();
const groups = split(config.experts, GROUPS);
const cell = new CheckCell({
  ...{ model, groups, delayMs: Number(flags.delay), graceSeconds: GRACE_SECONDS },
  gatewayFlags: [
    ...['--max-sequences', `${SEQUENCES}`, '--kv-memory', '1MiB', '--context', '256'],
    ...['--threads', '1', '--no-speculate', '--log-level', 'warn'],
  ],
});
try {
  const measured = await measureCell(cell, {
    ...{ model: flags.model, vocab: config.vocab, groups, rowsPerToken: sum(config.expertsPerToken) },
  });
  console.log(`measured at the start: ${JSON.stringify(measured)}`);
  const cellModel = checkModel(groups, measured, GRACE_SECONDS);
  const settings = checkSettings(cellModel);
  const traffic = checkTraffic(seconds, cellModel);
  const requests = arrivals(traffic, uniform(Number(flags.seed)));
  console.log(`${requests.length} requests in ${seconds} s`);
  const predicted = predict(cellModel, settings, requests);
  const starts = { gateways: cell.startSeconds.gateways.length, shards: cell.startSeconds.shards.length };
  const real = await run(settings, requests, measured.firstSeconds);
  const ofRun = (kind: keyof typeof starts) => {
    const own = cell.startSeconds[kind].slice(starts[kind]);
    return mean(own.length === 0 ? cell.startSeconds[kind] : own);
  };
  const slower = mean(real.runs) / mean(predicted.runs);
  const hindsight = slowerBy(measured, slower, { gateway: ofRun('gateways'), shard: ofRun('shards') });
  report(predicted, real, predict(checkModel(groups, hindsight, GRACE_SECONDS), settings, requests));
} finally {
  await cell.close();
}

function predict(
  cellModel: CellModel,
  settings: ScalerSettings,
  requests: readonly ArrivingRequest[],
): Track {
  const samples: CheckSample[] = [];
  const outcome = simulate({
    ...{ cell: cellModel, requests, seconds, steering: { by: 'rules', settings }, stepSeconds: STEP_SECONDS },
    start: [1, ...groups.map(() => 1)],
    onStep: ({ second, replicas, queueSeconds }) => {
      const whole = Math.round(second);
      if (Math.abs(second - whole) > STEP_SECONDS / 2) return;
      samples.push(sampleOf(whole, replicas, queueSeconds));
    },
  });
  const known = (values: Float64Array) => [...values].filter((value) => !Number.isNaN(value));
  return { samples, waits: known(outcome.waits), runs: known(outcome.runs) };
}

function sampleOf(
  second: number,
  replicas: readonly { current: number; ready: number }[],
  queueSeconds: number,
): CheckSample {
  const current = replicas.map((each) => each.current);
  return { second, current, ready: replicas.map(({ ready }) => ready), queueSeconds };
}

/** Runs the trace. The loop reads pages and decides every tenth of a second, and samples the cell every second. */
async function run(
  settings: ScalerSettings,
  requests: readonly ArrivingRequest[],
  firstSeconds: number,
): Promise<Track & { errors: string[] }> {
  const startedAt = performance.now();
  const now = () => (performance.now() - startedAt) / 1000;
  const played = play({ model: flags.model, vocab: config.vocab, gateways: () => cell.gateways() }, requests);
  let state = newScaler(settings, 0);
  const samples: CheckSample[] = [];
  const sampling = sampleEverySecond(samples, now);
  while (now() < seconds) {
    const at = now();
    const pages = isSyncDue(state, settings, at) ? await cell.pages() : [];
    const replicas = cell.replicas();
    const decided = scale(state, settings, { now: at, replicas, wantedByEdge: 1, read: () => pages });
    state = decided.state;
    if (decided.changes.length > 0) {
      cell.setReplicas(countsAfter(settings, replicas, decided.changes));
      for (const { target, from, to, because } of decided.changes) {
        console.log(`${at.toFixed(1)} s: ${target} ${from} → ${to}, ${because}`);
      }
    }
    await delay(TICK_MS);
  }
  await sampling;
  const results = await played;
  const ended = results.flatMap(({ firstSeconds: first, endSeconds: end }) => {
    if (first === undefined || end === undefined) return [];
    const wait = Math.max(0, first - firstSeconds);
    return [{ wait, run: end - wait }];
  });
  return {
    samples,
    waits: ended.map(({ wait }) => wait),
    runs: ended.map(({ run }) => run),
    errors: results.flatMap(({ error }) => error ?? []),
  };
}

async function sampleEverySecond(samples: CheckSample[], now: () => number): Promise<void> {
  for (let second = 1; second <= seconds; second++) {
    await delay(Math.max(0, 1000 * (second - now())));
    const pages = await cell.pages();
    samples.push(sampleOf(second, cell.replicas(), Math.max(0, ...pages.map((page) => page.queue_seconds))));
  }
}

function report(predicted: Track, real: Awaited<ReturnType<typeof run>>, hindsight: Track): void {
  const comparison = compare(predicted, real);
  const later = compare(hindsight, real);
  console.log(timeline(predicted, real).join('\n'));
  console.log('\nPredicted from what was measured at the start');
  console.log(figures(comparison).join('\n'));
  console.log('\nPredicted again, with the speed and the times of starts that the run has had');
  console.log(figures(later).join('\n'));
  console.log(`${real.errors.length} requests failed${real.errors.map((error) => `; ${error}`).join('')}`);
  const { startSeconds } = cell;
  const machine = `${availableParallelism()} threads of ${cpus()[0]?.model.trim()}`;
  const facts = { commit, machine, load: loadavg(), startSeconds, failed: real.errors.length };
  console.log(JSON.stringify({ ...facts, seconds, comparison, hindsight: later }));
}

function timeline(predicted: Track, real: Track): string[] {
  const every = 10;
  const kept = ({ samples }: Track) => samples.filter(({ second }) => second % every === 0);
  const ofReal = new Map(kept(real).map((sample) => [sample.second, sample]));
  const rows = kept(predicted).map((sample) => {
    const measured = ofReal.get(sample.second);
    const pods = (of: CheckSample | undefined) =>
      of?.current.map((count, i) => `${of.ready[i]}/${count}`).join(' ') ?? '-';
    return [
      ...[`${sample.second}`, pods(sample), pods(measured)],
      ...[sample.queueSeconds.toFixed(1), measured?.queueSeconds.toFixed(1) ?? '-'],
    ];
  });
  return table(
    ['second', 'ready/asked, predicted', 'measured', 'queue_seconds, predicted', 'measured'],
    rows,
  );
}

function figures({ current, ready, means, queue, wait, run }: Comparison): string[] {
  const kinds = ['gateways', ...groups.map((experts) => `shards ${experts}`)];
  return [
    ...table(
      ['pods', 'mean, predicted', 'measured', 'mean absolute difference, asked', 'ready'],
      kinds.map((kind, i) => [
        ...[kind, `${means[i]?.predicted.toFixed(2)}`, `${means[i]?.measured.toFixed(2)}`],
        ...[`${current[i]?.toFixed(2)}`, `${ready[i]?.toFixed(2)}`],
      ]),
    ),
    ...table(
      ['seconds', 'predicted', 'measured'],
      [
        ['wait of requests, p50', wait.predictedP50.toFixed(1), wait.measuredP50.toFixed(1)],
        ['wait of requests, p99', wait.predictedP99.toFixed(1), wait.measuredP99.toFixed(1)],
        ['run of requests, mean', run.predicted.toFixed(1), run.measured.toFixed(1)],
        ['queue_seconds, p99', queue.predictedP99.toFixed(1), queue.measuredP99.toFixed(1)],
      ],
    ),
    `queue_seconds: mean absolute difference ${queue.meanDifference.toFixed(2)} s`,
  ];
}
