// Judges the observations of one part of the chaos run: answers, stalls by kind of fault, and lying shards (liars). Pure.
import { type Verdict, verdict } from '../print.ts';
import { sum } from '../statistics.ts';
import type { Seen } from './part.ts';
import type { Kind } from './schedule.ts';
import { type Gap, gapsOf, longestWithin, type Spread, spreadOf, windowsOf } from './stalls.ts';
import type { Answer } from './streams.ts';

/** Stalls of one kind of fault: the longest gap within each window, minus the median gap without faults. */
interface StallLine extends Spread {
  name: string;
  /** Target of the p99. Absent if there is no target. */
  atMost?: number;
}

export interface Judged {
  verdicts: Verdict[];
  stalls: StallLine[];
  /** Gaps between tokens without faults. */
  undisturbedGaps: Spread;
  /** Tokens in all answers. */
  tokens: number;
  /** Calls that each liar answered until it was cordoned. */
  callsToCordon: number[];
  degradedHops: number;
  /** Number of answers whose logits differ in a bit, even if the text is the same. */
  alteredBits: number;
  /** Number of answers that ran while a shard lied and whose text differs. */
  changedBesideLiar: number;
  /** Distinct error messages of failed requests, the first 20. */
  failures: string[];
}

/** Targets for the p99 of the stalls of a kind of fault. Milliseconds. */
const STALL_TARGETS_MS: Partial<Record<Kind, number>> = { kill: 100, stop: 250, 'half-open': 250, slow: 250 };
/** Most calls that a liar may answer until it is cordoned. */
const CORDON_TARGET = 10_000;
/** Length of each window of the run without faults. It is the mean length of a fault. */
const WINDOW_MS = 750;
/** Number of error messages in the report. */
const MOST_FAILURES = 20;

/**
 * `verified` says that every answer of a shard is audited before it is used, so a liar changes no text. Otherwise the values
 * of a liar are used until an audit finds the liar, so answers that ran while a shard lied do not count as changed.
 */
export function judge(seen: Seen, { standby, verified }: { standby: boolean; verified: boolean }): Judged {
  const { undisturbed, disturbed, rounds, undisturbedWindow, counters } = seen;
  const reference = new Map(undisturbed.map((answer) => [answer.request, answer]));
  const differs = (answer: Answer) => answer.text !== reference.get(answer.request)?.text;
  const bitsDiffer = ({ digests, request }: Answer) =>
    digests.join() !== reference.get(request)?.digests.join();
  const whole = disturbed.filter(({ outcome }) => outcome === 'whole');
  const strict = whole.filter(({ degradedHops }) => degradedHops === 0);
  const endured = rounds.flat();
  const liars = endured.filter(({ fault }) => fault.kind === 'flip');
  const callsToCordon = liars.flatMap(({ callsToCordon }) => callsToCordon ?? []);
  const changed = strict.filter(differs);
  const besideLiar = changed.filter((answer) => liars.some(({ window }) => wasRunning(answer, window)));
  const counted = verified ? changed.length : changed.length - besideLiar.length;
  const degradedHops = sum(disturbed.map((answer) => answer.degradedHops));

  const quiet = undisturbed.flatMap(({ times }) => gapsOf(times));
  const undisturbedGaps = spreadOf(lengths(quiet));
  const median = undisturbedGaps.p50;
  const gaps = disturbed.flatMap(({ times }) => gapsOf(times));
  const stalls = stallLines(rounds, gaps, median);
  const control = windowsOf(undisturbedWindow, WINDOW_MS).flatMap((window) => addedIn(quiet, window, median));

  const verdicts = [
    verdict('texts that differ without any fault', undisturbed.filter(differs).length, 0),
    verdict('failed', disturbed.filter(({ outcome }) => outcome === 'failed').length, 0),
    verdict('hung', disturbed.filter(({ outcome }) => outcome === 'hung').length, 0),
    verdict(standby ? 'changed texts without a degraded hop' : 'changed texts', counted, 0),
    verdict('shards that stayed away', endured.filter(({ servedAt }) => servedAt === undefined).length, 0),
    ...(standby
      ? degradedVerdicts(degradedHops, counters)
      : [
          ...stalls.flatMap(({ name, p99, atMost }) =>
            atMost === undefined ? [] : verdict(`stall p99 of ${name}`, p99, atMost),
          ),
          ...liarVerdicts(liars.length, callsToCordon),
        ]),
  ];
  return {
    verdicts,
    // With a standby, stalls are reported but have no target.
    stalls: [
      { name: 'none (undisturbed)', ...spreadOf(control) },
      ...stalls.map(({ atMost, ...line }) => (standby ? line : { ...line, atMost })),
    ],
    undisturbedGaps,
    tokens: sum(disturbed.map(({ digests }) => digests.length)),
    callsToCordon,
    degradedHops,
    alteredBits: strict.filter(bitsDiffer).length,
    changedBesideLiar: besideLiar.length,
    failures: [...new Set(disturbed.flatMap(({ detail }) => detail ?? []))].slice(0, MOST_FAILURES),
  };
}

function liarVerdicts(liars: number, callsToCordon: readonly number[]): Verdict[] {
  if (liars === 0) return [];
  return [
    verdict('liars not cordoned', liars - callsToCordon.length, 0),
    verdict('calls until a liar was cordoned', Math.max(0, ...callsToCordon), CORDON_TARGET),
  ];
}

/** With a standby, faults must lead to degraded hops, and `/metrics` must count as many degraded hops as the answers report. */
function degradedVerdicts(hops: number, counters: ReadonlyMap<string, number>): Verdict[] {
  const uncounted = Math.abs((degradedIn(counters) ?? Number.NaN) - hops);
  return [
    verdict('runs without any degraded hop', hops > 0 ? 0 : 1, 0),
    verdict('degraded hops in /metrics and not in usage', uncounted, 0),
  ];
}

/** One line for each kind of fault, one for two faults at once, and one for the time between a fault and the shard's return. */
function stallLines(rounds: Seen['rounds'], gaps: readonly Gap[], median: number): StallLine[] {
  const byName = new Map<string, number[]>();
  const add = (name: string, window: Gap) =>
    byName.set(name, [...(byName.get(name) ?? []), ...addedIn(gaps, window, median)]);
  for (const round of rounds) {
    for (const { fault, window, servedAt = window.to } of round) {
      add(round.length === 1 ? fault.kind : 'two at once', window);
      add('coming back', { from: window.to, to: servedAt });
    }
  }
  return [...byName].map(([name, values]) => {
    return { name, ...spreadOf(values), atMost: STALL_TARGETS_MS[name as Kind] };
  });
}

/** A list with the stall of the window. Empty if no gap touches the window. */
function addedIn(gaps: readonly Gap[], window: Gap, median: number): number[] {
  const longest = longestWithin(gaps, window);
  return longest === undefined ? [] : [longest - median];
}

/** Sum of the counters of degraded hops. Undefined if the gateway has none. */
function degradedIn(counters: ReadonlyMap<string, number>): number | undefined {
  const found = [...counters].filter(([name]) => /^expertgrid_engine_degraded_hops\w*_total$/.test(name));
  return found.length === 0 ? undefined : sum(found.map(([, value]) => value));
}

function wasRunning({ sentAt, endedAt }: Answer, { from, to }: Gap): boolean {
  return sentAt <= to && endedAt >= from;
}

const lengths = (gaps: readonly Gap[]) => gaps.map(({ from, to }) => to - from);
