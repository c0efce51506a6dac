// What hedges gain: `node bench/fleet/hedge.ts [--model DIR] [--streams 4] [--rounds 3] [--slow one|all]`. Four shards with
// two replicas of every expert; one of them (or each) answers 1 % of its calls 50 times later than the median. Time per token
// while all streams generate, with and without hedges by turns, each in a fresh gateway. The last line is JSON; exit
// code 1 where a target is missed.
import { mkdtempSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { parseConfig } from '../../model/config/config.ts';
import { Gateway } from '../chaos/gateway.ts';
import { endAtSignals } from '../chaos/processes.ts';
import { table } from '../chaos/report.ts';
import { readRequests } from '../chaos/requests.ts';
import { Site } from '../chaos/site.ts';
import { gapsOf, type Spread, spreadOf } from '../chaos/stalls.ts';
import { type Answer, runStreams, sum } from '../chaos/streams.ts';
import { median } from '../load/rate.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    streams: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    /** Answers of each stream in a run, one after another, and their tokens. */
    passes: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '400' },
    slow: { type: 'string', default: 'one' },
    seed: { type: 'string', default: '1' },
    /** Of all calls, the share that hedges may add. */
    budget: { type: 'string', default: '0.05' },
  },
});

const SHARDS = 4;
const SLOW = { share: 0.01, factor: 50 };
const LEAST_GAIN = 3;

interface Run {
  hedging: boolean;
  /** Time per token. Milliseconds. */
  gaps: Spread;
  /** That reached the shards, as they count themselves; and those among them that may be slow. */
  calls: number;
  callsOfSlow: number;
  /** That were slow. */
  slowCalls: number;
  /** Hedges, of the calls that were none; NaN if the gateway does not tell. */
  extra: number;
  /** What a call is expected to take, as the gateway has learnt. Milliseconds. */
  callMs: number;
}

endAtSignals();
const model = modelDirectory(flags.model);
const configPath = join(model, 'config.json');
const { experts } = parseConfig(JSON.parse(await readFile(configPath, 'utf8')), configPath);
const quarters = split(experts, SHARDS);
const streams = Number(flags.streams);
const requests = (await readRequests(streams)).map((each) => ({ ...each, max_tokens: Number(flags.tokens) }));
const logPath = join(mkdtempSync(join(tmpdir(), 'expertgrid-hedge-')), 'processes.log');
const log = openSync(logPath, 'a');
console.log(`logs of the processes: ${logPath}`);

const sites = await Promise.all(
  quarters.map((own, i) => Site.open({ model, experts: `${own},${quarters[(i + 1) % SHARDS]}`, log })),
);
const slowSites = flags.slow === 'all' ? sites : sites.slice(0, 1);
const texts = new Map<number, string>();
const { callMs, gaps: quiet } = await run(true, 0); // warms up, too
const delayMs = (SLOW.factor - 1) * callMs;

const runs: Run[] = [];
const rounds = Number(flags.rounds);
for (let round = 0; round < rounds; round++) {
  for (const hedging of round % 2 === 0 ? [false, true] : [true, false]) {
    process.stderr.write(`round ${round + 1}/${rounds}, ${hedging ? 'with' : 'without'} hedges\n`);
    runs.push(await run(hedging, delayMs));
  }
}
await Promise.all(sites.map((site) => site.close()));

const p99 = (hedging: boolean) =>
  median(runs.filter((each) => each.hedging === hedging).map(({ gaps }) => gaps.p99)) ?? Number.NaN;
const gain = p99(false) / p99(true);
const extra = Math.max(...runs.filter(({ hedging }) => hedging).map((each) => each.extra));
const met = gain >= LEAST_GAIN && extra <= Number(flags.budget);
console.log(`median call ${callMs.toFixed(2)} ms, slow ones ${delayMs.toFixed(0)} ms more`);
console.log(`time per token with none slow: p50 ${quiet.p50.toFixed(1)}, p99 ${quiet.p99.toFixed(1)} ms`);
const head = ['hedging', 'tokens', 'p50 ms', 'p99', 'max', 'calls', 'of slow shards', 'slow calls', 'extra'];
const lines = runs.map(({ hedging, gaps, calls, callsOfSlow, slowCalls, extra }) => [
  hedging ? 'on' : 'off',
  String(gaps.count),
  ...[gaps.p50, gaps.p99, gaps.max].map((ms) => ms.toFixed(1)),
  ...[calls, callsOfSlow, slowCalls].map(String),
  `${(100 * extra).toFixed(2)} %`,
]);
console.log(table(head, lines).join('\n'));
console.log(`p99 ${gain.toFixed(2)}x better with hedging (at least ${LEAST_GAIN}x)`);
console.log(`extra calls ${(100 * extra).toFixed(2)} % at most (up to ${100 * Number(flags.budget)} %)`);
console.log(JSON.stringify({ ...flags, callMs, delayMs, quiet, gain, extra, met, runs }));
process.exit(met ? 0 : 1);

/** The same requests every time. Throws if a text differs from the run before. */
async function run(hedging: boolean, delayMs: number): Promise<Run> {
  const shards = sites.map(({ address }) => address);
  const budget = ['--hedge-budget', hedging ? flags.budget : '0'];
  const gateway = await Gateway.start({ model, shards, flags: budget, log });
  try {
    await Promise.all(sites.map((site) => site.behave({ mode: 'healthy' })));
    for (const [i, site] of slowSites.entries()) {
      const seed = Number(flags.seed) + i;
      if (delayMs > 0) await site.behave({ mode: 'hiccup', share: SLOW.share, delayMs, seed });
    }
    const gaps: number[] = [];
    for (let pass = 0; pass < Number(flags.passes); pass++) gaps.push(...(await together(gateway.url)));
    const counts = await Promise.all(sites.map((site) => site.counts()));
    const slow = counts.slice(0, slowSites.length);
    const counters = await gateway.counters();
    const told = (name: string) => counters.get(`expertgrid_engine_${name}_total`) ?? Number.NaN;
    return {
      hedging,
      gaps: spreadOf(gaps),
      calls: sum(counts.map(({ calls }) => calls)),
      callsOfSlow: sum(slow.map(({ calls }) => calls)),
      slowCalls: sum(slow.map(({ wrong }) => wrong)),
      extra: told('hedged_calls') / (told('expert_calls') - told('hedged_calls')),
      callMs: median(await gateway.expectedCallMs()) ?? Number.NaN,
    };
  } finally {
    await gateway.close();
  }
}

/** An answer of each stream, all at once; gaps while all of them generate. Milliseconds. */
async function together(url: string): Promise<number[]> {
  const answers: Answer[] = [];
  await runStreams({
    url,
    model: basename(model),
    requests,
    streams,
    onAnswer: (answer) => answers.push(answer),
    goesOn: (asked) => asked < streams,
  });
  for (const { request, outcome, detail, text } of answers) {
    if (outcome !== 'whole') throw new Error(`a request ${outcome}: ${detail}`);
    const known = texts.get(request) ?? text;
    if (known !== text) throw new Error(`request ${request} gave another text`);
    texts.set(request, known);
  }
  const from = Math.max(...answers.map(({ times }) => times[0] ?? Number.NaN));
  const to = Math.min(...answers.map(({ times }) => times.at(-1) ?? Number.NaN));
  const gaps = answers.flatMap(({ times }) => gapsOf(times));
  return gaps.filter((gap) => gap.from >= from && gap.to <= to).map((gap) => gap.to - gap.from);
}
