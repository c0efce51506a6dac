// `node bench/fleet/placements.ts [--interleavings 200] [--seed 1] [--first 0] [--main FILE]`: two operators whose `plan --apply`
// overlap, three gateways and four shards over relays, with delays, kills and broken connections drawn from the seed, while
// text streams through every gateway. After each it is asked whether any expert was ever without a holder, and how long the
// fleet took to come to rest. `--main` runs another checkout's cli/main.ts. The last line is JSON; exit code 1 if any
// expert had no holder, a split lasted longer than 10 s or a stream failed.
import { appendFileSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { split } from '../../cli/flags/split.ts';
import { readManifest } from '../../model/bundle/manifest.ts';
import { convert } from '../../model/convert/convert.ts';
import { writeCheckpoint } from '../../test/support/models/checkpoint.ts';
import { seedOf } from '../../test/support/random.ts';
import { ownMain } from '../chaos/gateway.ts';
import { endAtSignals } from '../chaos/processes.ts';
import { readRequests } from '../chaos/requests.ts';
import type { Answer } from '../chaos/streams.ts';
import { drawInterleaving } from '../placements/draw.ts';
import { BenchFleet } from '../placements/fleet.ts';
import {
  AT_MOST,
  type Interleaving,
  repair,
  runInterleaving,
  type Stage,
} from '../placements/interleaving.ts';
import type { Outcome } from '../placements/operator.ts';
import { orphansOf, Watcher } from '../placements/watcher.ts';

const { values: flags } = parseArgs({
  options: {
    interleavings: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    /** Index of the first one, to go on with a run or to see one again. */
    first: { type: 'string', default: '0' },
    main: { type: 'string', default: ownMain },
  },
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
const logs = mkdtempSync(join(tmpdir(), 'expertgrid-placements-log-'));
const log = openSync(join(logs, 'processes.log'), 'a');
console.log(`logs of the processes: ${join(logs, 'processes.log')}`);

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

/** `refused`: a shard was dead, and it alone held what was asked for: that is the kill's doing. */
const streams = { whole: 0, failed: 0, changed: 0, refused: 0 };
const texts = new Map<number, string>();
/** Since the interleaving began. */
let failures: string[] = [];
function onAnswer({ request, outcome, text, detail, sentAt, endedAt }: Answer): void {
  if (outcome !== 'whole' && detail?.startsWith('503') && stage?.fleet.wasAway(sentAt, endedAt)) {
    streams.refused++;
    return;
  }
  if (outcome !== 'whole') {
    streams.failed++;
    failures.push(`${outcome}: ${detail}`);
    return;
  }
  streams.whole++;
  const before = texts.get(request);
  if (before === undefined) texts.set(request, text);
  else if (before !== text) {
    streams.changed++;
    failures.push(`request ${request} gave another text`);
  }
}

/** The most units that had no holder at once, since the interleaving began. */
let orphans = 0;
let round = 0;
let stage: (Stage & { close: () => Promise<void> }) | undefined;

async function startStage(): Promise<Stage & { close: () => Promise<void> }> {
  const state = join(folder, `state-${round++}`);
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
  let looking = false;
  // What was told before is read before: the shard that lets go was told, by way of a gateway, by the one that holds.
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
  appendFileSync(join(logs, 'processes.log'), `--- interleaving ${index}\n`);
  const result = await runInterleaving(stage, draw, index);
  for (const { outcome } of result.operators) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  kills += draw.faults.filter(({ kind }) => kind.startsWith('kill')).length;
  if (result.settledMs <= AT_MOST) settledMs.push(result.settledMs);
  const reasons = reasonsOf(result);
  if (reasons.length > 0) bad.push({ index, seed: own, reason: reasons.join('; ') });
  console.log(
    lineOf(
      index,
      result,
      draw.faults.map(({ kind }) => kind),
      reasons,
    ),
  );
  if (result.settledMs > AT_MOST && !(await repair(stage))) {
    restarts++;
    await stage.close();
    stage = await startStage();
  }
}
await stage.close();

settledMs.sort((a, b) => a - b);
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
    p50: Math.round(settledMs[Math.floor(settledMs.length / 2)] ?? Number.NaN),
    max: Math.round(settledMs.at(-1) ?? Number.NaN),
  },
  streams,
  bad,
};
console.log(JSON.stringify(summary));
process.exit(bad.length === 0 ? 0 : 1);

function reasonsOf({ settledMs, left }: Interleaving): string[] {
  return [
    ...(orphans > 0 ? [`${orphans} experts were without a holder`] : []),
    ...(settledMs > AT_MOST ? [`not at rest after ${AT_MOST / 1_000} s (${left})`] : []),
    ...(failures.length > 0 ? [`${failures.length} streams: ${failures[0]?.slice(0, 300)}`] : []),
  ];
}

function lineOf(index: number, result: Interleaving, kinds: string[], reasons: string[]): string {
  const applied = result.operators.map(({ outcome, said }) => {
    return outcome === 'failed' || outcome === 'endless' ? `${outcome} (${said.slice(0, 200)})` : outcome;
  });
  const rest =
    result.settledMs <= AT_MOST ? `at rest after ${Math.round(result.settledMs)} ms` : 'not at rest';
  const verdict = reasons.length === 0 ? 'ok    ' : 'FAILED';
  const beside = kinds.length === 0 ? '' : `; ${kinds.join(', ')}`;
  return `${verdict} ${index}: ${applied.join(' and ')}${beside}; ${rest}${reasons.map((reason) => `; ${reason}`).join('')}`;
}
