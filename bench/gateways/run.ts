// Streams of every kind through the edge while gateways are killed and stopped: `npm run chaos -- --part gateways`, or
// `node bench/gateways/run.ts [--gateways 3] [--shards 4] [--streams 16] [--kills 100] [--stops 50] [--restarts 0] [--no-transfer]
// [--seed 1]`.
// `npm run chaos -- --part cells [--kills 50] [--delay 40]` kills whole cells, a gateway with its shards, in two network namespaces
// that a relay joins (cells.ts). It also checks that requests are served near except while the near cell is lost.
// With `--restarts N`, all gateways are restarted N times, one after another, instead. Checks that no answer fails, hangs or differs
// from the answer without faults, and that the edge accounts for each answer exactly once. Prints a table; the last line is JSON; exit code 1 if a target is missed.
import { setTimeout as delay } from 'node:timers/promises';
import { modelDirectory } from '../../cli/files.ts';
import { uniform } from '../../test/support/random.ts';
import { endAtSignals, openLog } from '../chaos/processes.ts';
import { type Gap, gapsOf, type Spread, spreadOf } from '../chaos/stalls.ts';
import { readFlags } from '../flags.ts';
import { checkLine, table, type Verdict, verdict } from '../print.ts';
import { type Answer, ask } from './answers.ts';
import { startCells } from './cells.ts';
import { Fleet, type OneGateway, thinkingModel } from './fleet.ts';
import { everyKind, type Kind } from './kinds.ts';
import { regionVerdicts, rowsByRequest, usageVerdicts } from './usage.ts';

const flags = readFlags({
  /** `gateways` or `cells`. */
  part: 'gateways',
  model: 'nano',
  gateways: '3',
  shards: '4',
  streams: '16',
  kills: '100',
  stops: '50',
  /** Restarts of every gateway, instead of kills and stops. */
  restarts: '0',
  /** Gateways that leave service hand no keys and values over. */
  'no-transfer': false,
  seed: '1',
  /** Flags for the gateways, separated by spaces. */
  gateway: '',
  /** Between cells: milliseconds in each direction. */
  delay: '40',
});

/** In this time, the edge finds that a lost region is back. */
const AFTER_FAULTS_MS = 5_000;
/** A token's gap in a rolling restart, p99. */
const RESTART_GAP_MS = 300;

interface Fault extends Gap {
  type: 'kill' | 'stop' | 'restart';
}

endAtSignals();
const random = uniform(Number(flags.seed));
const kinds = everyKind('nano');
const { log } = openLog('gateways');
const areCells = flags.part === 'cells';
const common = {
  model: thinkingModel(modelDirectory(flags.model)),
  shards: Number(flags.shards),
  gatewayFlags: flags.gateway.split(' ').filter((word) => word !== ''),
  log,
};
const fleet = areCells
  ? await startCells({ ...common, delayMs: Number(flags.delay) })
  : await Fleet.start({
      ...common,
      gateways: Number(flags.gateways),
      accounts: true,
      transfer: !flags['no-transfer'],
    });

try {
  const undisturbed = await runStreams((asked) => asked < 2 * kinds.length);
  const failure = undisturbed.find(({ outcome }) => outcome !== 'whole');
  if (failure !== undefined) throw new Error(`an answer failed without any fault: ${failure.detail}`);
  const expected = new Map(undisturbed.map(({ kind, content }) => [kind, content]));
  requireRepeatable(undisturbed, expected);

  let over = false;
  const streams = runStreams(() => !over);
  const faults = await strike();
  over = true;
  const disturbed = await streams;
  const healed = areCells ? await runStreams((asked) => asked < kinds.length) : [];
  const rows = await rowsByRequest(fleet);
  const usage = [
    ...usageVerdicts(rows, undisturbed, disturbed),
    ...(areCells ? regionVerdicts(rows, { whole: [...undisturbed, ...healed], disturbed }) : []),
  ];
  report(undisturbed, [...disturbed, ...healed], faults, { expected, usage });
} finally {
  await fleet.close();
}
process.exit();

async function runStreams(goesOn: (asked: number) => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  let asked = 0;
  await Promise.all(
    Array.from({ length: Number(flags.streams) }, async () => {
      while (goesOn(asked)) answers.push(await ask(fleet, kinds, asked++ % kinds.length));
    }),
  );
  return answers;
}

/** Without faults, each answer must be the same every time. */
function requireRepeatable(answers: readonly Answer[], expected: ReadonlyMap<number, string>): void {
  const changed = answers.find(({ kind, content }) => content !== expected.get(kind));
  if (changed !== undefined)
    throw new Error(`two answers to '${kinds[changed.kind]?.name}' differ without any fault`);
}

async function strike(): Promise<Fault[]> {
  const faults: Fault[] = [];
  if (Number(flags.restarts) > 0) {
    for (let restart = 0; restart < Number(flags.restarts); restart++) {
      for (const gateway of fleet.gateways) faults.push(await restarted(gateway));
    }
    return faults;
  }
  const types = [
    ...new Array<Fault['type']>(Number(flags.kills)).fill('kill'),
    ...new Array<Fault['type']>(Number(flags.stops)).fill('stop'),
  ];
  for (const [i, type] of shuffled(types).entries()) {
    await delay(1_500 * random());
    const gateway = await victim();
    process.stderr.write(`fault ${i + 1}/${types.length}: ${type} of ${gateway.url}\n`);
    faults.push(type === 'kill' ? await killed(gateway) : await stopped(gateway));
  }
  await delay(AFTER_FAULTS_MS);
  return faults;
}

/** Any gateway; of cells, one that has work, because kills of an idle cell would show nothing. */
async function victim(): Promise<OneGateway> {
  const { gateways } = fleet;
  const busy = areCells ? await Promise.all(gateways.map((gateway) => gateway.isBusy())) : [];
  const candidates = gateways.filter((_, i) => busy[i] !== false);
  const chosen = candidates[Math.floor(random() * candidates.length)] ?? gateways[0];
  if (chosen === undefined) throw new Error('there is no gateway');
  return chosen;
}

async function killed(gateway: OneGateway): Promise<Fault> {
  const from = performance.now();
  await gateway.kill();
  await delay(500 * random());
  await gateway.start();
  return { type: 'kill', from, to: performance.now() };
}

async function stopped(gateway: OneGateway): Promise<Fault> {
  const from = performance.now();
  gateway.signal('SIGSTOP');
  await delay(500 + 5_500 * random());
  gateway.signal('SIGCONT');
  return { type: 'stop', from, to: performance.now() };
}

async function restarted(gateway: OneGateway): Promise<Fault> {
  process.stderr.write(`restart of ${gateway.url}\n`);
  const from = performance.now();
  await gateway.kill('SIGTERM');
  await gateway.start();
  await delay(1_000);
  return { type: 'restart', from, to: performance.now() };
}

function shuffled<Item>(items: Item[]): Item[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as Item, items[i] as Item];
  }
  return items;
}

function report(
  undisturbed: readonly Answer[],
  disturbed: readonly Answer[],
  faults: readonly Fault[],
  { expected, usage }: { expected: ReadonlyMap<number, string>; usage: readonly Verdict[] },
): void {
  const bad = disturbed.filter(({ outcome }) => outcome === 'failed');
  const hung = disturbed.filter(({ outcome }) => outcome === 'hung');
  const changed = disturbed.filter(
    ({ outcome, kind, content }) => outcome === 'whole' && content !== expected.get(kind),
  );
  const before = spreadOf(undisturbed.flatMap(gaps));
  const during = spreadOf(disturbed.flatMap(gaps));
  const stalls = (['kill', 'stop', 'restart'] as const).flatMap((type) => {
    const own = faults.filter((fault) => fault.type === type);
    return own.length === 0 ? [] : [{ type, faults: own.length, ...stallsOf(own, disturbed, before) }];
  });
  const answers = `${disturbed.length} answers to ${kinds.length} kinds of requests`;
  console.log(
    `${answers}; gaps without faults: p50 ${ms(before.p50)}, p99 ${ms(before.p99)}, longest ${ms(before.max)} ms`,
  );
  console.log(
    `gaps with faults: p50 ${ms(during.p50)}, p99 ${ms(during.p99)}, longest ${ms(during.max)} ms\n`,
  );
  const rows = stalls.map(({ type, faults: count, stalled, p50, p99, max }) => [
    ...[type, `${count}`, `${stalled}`, ms(p50), ms(p99), ms(max)],
  ]);
  console.log(
    table(['fault', 'faults', 'stalled streams', 'added stall p50 ms', 'p99', 'longest'], rows).join('\n'),
  );
  const restarts = stalls.some(({ type }) => type === 'restart');
  const verdicts = [
    verdict('failed', bad.length, 0),
    verdict('hung', hung.length, 0),
    verdict('changed', changed.length, 0),
    ...usage,
    ...(restarts ? [verdict('gap p99, ms', during.p99, RESTART_GAP_MS)] : []),
  ];
  for (const { name, value, atMost, ok } of verdicts)
    console.log(checkLine(ok, `${name}: ${ms(value)} (at most ${atMost})`));
  for (const { detail } of [...bad, ...hung].slice(0, 5)) console.log(`  ${detail}`);
  for (const { kind, content } of changed.slice(0, 3))
    console.log(`  ${describe(kinds[kind], content, expected.get(kind))}`);
  const met = verdicts.every(({ ok }) => ok);
  console.log(JSON.stringify({ ...flags, met, answers: disturbed.length, before, during, stalls, verdicts }));
  process.exitCode = met ? 0 : 1;
}

function gaps({ times }: Answer): number[] {
  return gapsOf(times).map(({ from, to }) => to - from);
}

/** The gaps that begin before a fault's end and end after its begin, and are longer than any without faults, minus the usual gap. */
function stallsOf(
  faults: readonly Fault[],
  answers: readonly Answer[],
  usual: Spread,
): Spread & { stalled: number } {
  const all = answers.flatMap(({ times }) => gapsOf(times)).filter(({ from, to }) => to - from > usual.p99);
  const touched = all.filter((gap) => faults.some(({ from, to }) => gap.from <= to && gap.to >= from));
  const spread = spreadOf(touched.map(({ from, to }) => to - from - usual.p50));
  return { ...spread, stalled: touched.length };
}

/** Where two answers begin to differ. */
function describe(kind: Kind | undefined, found: string, wanted = ''): string {
  let at = 0;
  while (at < found.length && found[at] === wanted[at]) at++;
  const cut = (text: string) => text.slice(Math.max(0, at - 60), at + 100);
  return `${kind?.name}${kind?.streamed ? ', streamed' : ''}: …${cut(found)}…\n  instead of …${cut(wanted)}…`;
}

function ms(value: number): string {
  return Number.isInteger(value) ? `${value}` : value.toFixed(1);
}
