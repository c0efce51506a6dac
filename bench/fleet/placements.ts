// Two operators run `plan --apply` at the same time: `node bench/fleet/placements.ts [--interleavings 200] [--seed 1]
// [--first 0] [--main FILE]`. Each interleaving draws delays, kills and broken connections from the seed, while text
// streams through three gateways over four shards. Checks whether any expert was without a holder, and how long the fleet
// took until all shards followed one placement. The last line is JSON. The exit code is 1 if an expert had no holder, if
// shards followed different placements for more than 10 s, or if a stream failed.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { split } from '../../cli/flags/split.ts';
import { readManifest } from '../../model/bundle/manifest.ts';
import { convert } from '../../model/convert/convert.ts';
import { writeCheckpoint } from '../../test/support/models/checkpoint.ts';
import { seedOf } from '../../test/support/random.ts';
import { ownMain } from '../chaos/gateway.ts';
import { endAtSignals, openLog } from '../chaos/processes.ts';
import { readRequests } from '../chaos/requests.ts';
import type { Answer } from '../chaos/streams.ts';
import { readFlags } from '../flags.ts';
import { drawInterleaving } from '../placements/draw.ts';
import { BenchFleet } from '../placements/fleet.ts';
import {
  type Interleaving,
  repair,
  runInterleaving,
  SPLIT_LIMIT_MS,
  type Stage,
} from '../placements/interleaving.ts';
import type { Outcome } from '../placements/operator.ts';
import { orphansOf, Watcher } from '../placements/watcher.ts';
import { checkLine } from '../print.ts';
import { percentile } from '../statistics.ts';

const flags = readFlags({
  interleavings: '200',
  seed: '1',
  /** Index of the first interleaving, to continue a run or to repeat a single interleaving. */
  first: '0',
  /** The cli/main.ts to run, such as that of another checkout. */
  main: ownMain,
});

const NAMES = ['a', 'b', 'c', 'd'];
const GATEWAYS = 3;
const LAYERS = 3;
const EXPERTS = 48;
const GROUPS = 8;

endAtSignals();
const seed = Number(flags.seed);
const first = Number(flags.first);
const folder = mkdtempSync(join(tmpdir(), 'expertgrid-placements-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const { path: logPath, log } = openLog('placements-log');

const checkpoint = join(folder, 'checkpoint');
const model = join(folder, 'tiny');
await writeCheckpoint(checkpoint, { experts: EXPERTS, layers: LAYERS, context: 512 });
await convert({ from: checkpoint, to: model, bits: 4, workers: 1 });
const { identity } = await readManifest(model);
const shape = { identity, layers: LAYERS, experts: EXPERTS, hidden: 64 };
const groups = split(EXPERTS, GROUPS);
const requests = (await readRequests(4)).map((request) => {
  return { ...request, prompt: request.prompt.slice(0, 40), max_tokens: 40 };
});

/** `refused`: the only holder of an expert had been killed, so the request could not be served. */
const streams = { whole: 0, failed: 0, changed: 0, refused: 0 };
const texts = new Map<number, string>();
/** Errors of streams since the interleaving began. */
let failures: string[] = [];
function onAnswer({ request, outcome, text, detail, sentAt, endedAt }: Answer): void {
  if (outcome === 'whole') {
    streams.whole++;
    const before = texts.get(request) ?? text;
    texts.set(request, before);
    if (before === text) return;
    streams.changed++;
    failures.push(`request ${request} gave another text`);
  } else if (detail?.startsWith('503') && stage?.fleet.wasAway(sentAt, endedAt)) {
    streams.refused++;
  } else {
    streams.failed++;
    failures.push(`${outcome}: ${detail}`);
  }
}

/** Largest number of units without a holder at one time since the interleaving began. */
let orphans = 0;
let stages = 0;
let stage: (Stage & { close: () => Promise<void> }) | undefined;

async function startStage(): Promise<Stage & { close: () => Promise<void> }> {
  const state = join(folder, `state-${stages++}`);
  const fleet = await BenchFleet.start({
    model,
    modelName: basename(model),
    names: NAMES,
    experts: split(EXPERTS, NAMES.length),
    gateways: GATEWAYS,
    folder: state,
    log,
    main: flags.main,
    seed,
    requests,
    onAnswer,
  });
  // Counts units without a holder only after reading all messages that have arrived. A shard unloads a unit only after a
  // gateway has told it that another shard holds the unit, so the announcement of that other shard has arrived by then.
  let looking = false;
  const look = () => {
    if (looking) return;
    looking = true;
    setImmediate(() =>
      setImmediate(() => {
        looking = false;
        if (watchers.every(({ seen }) => seen)) orphans = Math.max(orphans, orphansOf(watchers));
      }),
    );
  };
  const watchers = NAMES.map((name, i) => new Watcher(name, fleet.addresses[i] ?? '', shape, look));
  const heat = join(folder, 'heat.json');
  const [url = ''] = fleet.urls;
  await writeFile(heat, await (await fetch(new URL('/v1/experts/heat?transitions=1', url))).text());
  const close = async () => {
    for (const watcher of watchers) watcher.close();
    await fleet.close();
  };
  return { fleet, watchers, shape, groups, folder, heat, model, main: flags.main, close };
}

const outcomes = new Map<Outcome, number>();
const settledMs: number[] = [];
const bad: { index: number; seed: number; reason: string }[] = [];
let kills = 0;
let restarts = 0;
stage = await startStage();
const startedAt = performance.now();
const count = Number(flags.interleavings);
for (let index = first; index < first + count; index++) {
  [orphans, failures] = [0, []];
  const own = seedOf(seed, `interleaving ${index}`);
  const draw = drawInterleaving(own, { shards: NAMES.length, gateways: GATEWAYS, groups: GROUPS });
  appendFileSync(logPath, `--- interleaving ${index}\n`);
  const result = await runInterleaving(stage, draw, index);
  for (const { outcome } of result.operators) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  kills += draw.faults.filter(({ kind }) => kind.startsWith('kill')).length;
  if (result.settledMs <= SPLIT_LIMIT_MS) settledMs.push(result.settledMs);
  const reasons = reasonsOf(result);
  if (reasons.length > 0) bad.push({ index, seed: own, reason: reasons.join('; ') });
  const kinds = draw.faults.map(({ kind }) => kind);
  console.log(lineOf(index, result, kinds, reasons));
  if (result.settledMs > SPLIT_LIMIT_MS && !(await repair(stage))) {
    restarts++;
    await stage.close();
    stage = await startStage();
  }
}
await stage.close();

const summary = {
  interleavings: count,
  seed,
  first,
  minutes: Number(((performance.now() - startedAt) / 60_000).toFixed(1)),
  load: Number((loadavg()[0] ?? 0).toFixed(1)),
  applies: Object.fromEntries(outcomes),
  kills,
  withoutHolder: bad.filter(({ reason }) => reason.includes('without a holder')).length,
  splits: bad.filter(({ reason }) => reason.includes('not at rest')).length,
  fleetsStartedAnew: restarts,
  settledMs: {
    p50: Math.round(percentile(settledMs, 0.5)),
    max: Math.round(percentile(settledMs, 1)),
  },
  streams,
  bad,
};
console.log(JSON.stringify(summary));
process.exit(bad.length === 0 ? 0 : 1);

function reasonsOf({ settledMs, left }: Interleaving): string[] {
  return [
    ...(orphans > 0 ? [`${orphans} experts were without a holder`] : []),
    ...(settledMs > SPLIT_LIMIT_MS ? [`not at rest after ${SPLIT_LIMIT_MS / 1_000} s (${left})`] : []),
    ...(failures.length > 0 ? [`${failures.length} streams: ${failures[0]?.slice(0, 300)}`] : []),
  ];
}

function lineOf(index: number, result: Interleaving, kinds: string[], reasons: string[]): string {
  const applied = result.operators.map(({ outcome, said }) => {
    return outcome === 'failed' || outcome === 'endless' ? `${outcome} (${said.slice(0, 200)})` : outcome;
  });
  const rest =
    result.settledMs <= SPLIT_LIMIT_MS ? `at rest after ${Math.round(result.settledMs)} ms` : 'not at rest';
  const facts = [applied.join(' and '), ...(kinds.length === 0 ? [] : [kinds.join(', ')]), rest, ...reasons];
  return checkLine(reasons.length === 0, `${index}: ${facts.join('; ')}`);
}
