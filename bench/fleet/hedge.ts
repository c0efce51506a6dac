// What hedges gain: `node bench/fleet/hedge.ts [--model DIR] [--streams 4] [--rounds 3] [--slow one|all]`. Runs streams over
// four shards with two replicas of every expert. One shard (or each) answers 1 % of its calls late, after 50 times the median
// time. Measures the time per token alternately with and without hedges, each time in a fresh gateway. The last line is JSON;
// exit code 1 if a target is missed.
import { basename } from 'node:path';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { Gateway } from '../chaos/gateway.ts';
import { endAtSignals, openLog } from '../chaos/processes.ts';
import { readRequests } from '../chaos/requests.ts';
import { Site } from '../chaos/site.ts';
import { gapsOf, type Spread, spreadOf } from '../chaos/stalls.ts';
import { type Answer, runStreams } from '../chaos/streams.ts';
import { readFlags } from '../flags.ts';
import { readConfig } from '../inputs.ts';
import { table } from '../print.ts';
import { median, sum } from '../statistics.ts';

const flags = readFlags({
  model: 'nano',
  streams: '4',
  rounds: '3',
  /** Answers of each stream in a run, one after another. */
  passes: '3',
  /** Tokens of each answer. */
  tokens: '400',
  slow: 'one',
  seed: '1',
  /** Largest share of all calls that hedges may add (0–1). */
  budget: '0.05',
});

const SHARDS = 4;
const SLOW = { share: 0.01, factor: 50 };
/** Target for the p99 without hedges divided by the p99 with hedges. */
const LEAST_GAIN = 3;

interface Run {
  hedging: boolean;
  /** Time per token. */
  gaps: Spread;
  /** Calls of all shards together, and calls of the shards that may be slow. */
  calls: number;
  callsOfSlow: number;
  /** Calls that were slow. */
  slowCalls: number;
  /** Hedges divided by the calls that are no hedges. NaN if the gateway lacks these counters. */
  extra: number;
  /** Milliseconds that the gateway expects a call to take: the median over the shards. */
  callMs: number;
}

endAtSignals();
const model = modelDirectory(flags.model);
const { experts } = await readConfig(model);
const quarters = split(experts, SHARDS);
const streams = Number(flags.streams);
const requests = (await readRequests(streams)).map((each) => ({ ...each, max_tokens: Number(flags.tokens) }));
const { log } = openLog('hedge');

const sites = await Promise.all(
  quarters.map((own, i) => Site.open({ model, experts: `${own},${quarters[(i + 1) % SHARDS]}`, log })),
);
const slowSites = flags.slow === 'all' ? sites : sites.slice(0, 1);
const texts = new Map<number, string>();
const { callMs, gaps: quiet } = await run(true, 0); // also warms up
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
console.log(`median call ${callMs.toFixed(2)} ms; a slow call takes ${delayMs.toFixed(0)} ms more`);
console.log(`time per token without slow calls: p50 ${quiet.p50.toFixed(1)}, p99 ${quiet.p99.toFixed(1)} ms`);
const head = ['hedges', 'tokens', 'p50 ms', 'p99', 'max', 'calls', 'of slow shards', 'slow calls', 'extra'];
const lines = runs.map(({ hedging, gaps, calls, callsOfSlow, slowCalls, extra }) => [
  hedging ? 'on' : 'off',
  String(gaps.count),
  ...[gaps.p50, gaps.p99, gaps.max].map((ms) => ms.toFixed(1)),
  ...[calls, callsOfSlow, slowCalls].map(String),
  `${(100 * extra).toFixed(2)} %`,
]);
console.log(table(head, lines).join('\n'));
console.log(`p99 ${gain.toFixed(2)}x better with hedges (at least ${LEAST_GAIN}x)`);
console.log(`extra calls at most ${(100 * extra).toFixed(2)} % (allowed ${100 * Number(flags.budget)} %)`);
console.log(JSON.stringify({ ...flags, callMs, delayMs, quiet, gain, extra, met, runs }));
process.exit(met ? 0 : 1);

/** Sends the same requests in every run. Throws if a text differs from that of an earlier run. */
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
    const counter = (name: string) => counters.get(`expertgrid_engine_${name}_total`) ?? Number.NaN;
    return {
      hedging,
      gaps: spreadOf(gaps),
      calls: sum(counts.map(({ calls }) => calls)),
      callsOfSlow: sum(slow.map(({ calls }) => calls)),
      slowCalls: sum(slow.map(({ wrong }) => wrong)),
      extra: counter('hedged_calls') / (counter('expert_calls') - counter('hedged_calls')),
      callMs: median(await gateway.expectedCallMs()) ?? Number.NaN,
    };
  } finally {
    await gateway.close();
  }
}

/** Runs one answer on each stream at once. Returns the gaps while all streams generate, in milliseconds. */
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
