// Judges what one part of the chaos run saw: requests that went wrong, stalls by kind of fault, liars. Pure.
import type { Seen } from './part.ts';
import type { Kind } from './schedule.ts';
import { type Gap, gapsOf, longestWithin, type Spread, spreadOf, windowsOf } from './stalls.ts';
import { type Answer, sum } from './streams.ts';

export interface Verdict {
  name: string;
  value: number;
  atMost: number;
  ok: boolean;
}

/** A stall is the longest gap of any stream within a fault's window, minus the median gap without faults. Milliseconds. */
export interface StallLine extends Spread {
  name: string;
  /** Target of the p99. */
  atMost?: number;
}

export interface Judged {
  verdicts: Verdict[];
  stalls: StallLine[];
  /** Gaps between tokens without faults. Milliseconds. */
  undisturbedGaps: Spread;
  /** Tokens in all answers. */
  tokens: number;
  /** Calls of each liar until it was cordoned. */
  callsToCordon: number[];
  degradedHops: number;
  /** Answers whose logits differ in some bit, even if the text is the same. */
  alteredBits: number;
  /** Answers with a different text that were under way while a shard lied. */
  changedBesideLiar: number;
  /** Distinct error messages of failed requests, the first 20. */
  failures: string[];
}

/** Targets of the stall p99 of a kind of fault. Milliseconds. */
const STALL_TARGETS: Partial<Record<Kind, number>> = { kill: 100, stop: 250, 'half-open': 250, slow: 250 };
const CORDON_TARGET = 10_000;
/** Windows of the undisturbed run are as long as a fault lasts on average. */
const WINDOW_MS = 750;
/** Most distinct error messages in the report. */
const MOST_FAILURES = 20;

/**
 * `verified`: every answer is compared before it is used, so a liar changes no text. Otherwise the liar's values are used until an
 * audit finds one, and texts that were under way meanwhile are counted separately.
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
  const besideLiar = changed.filter((answer) => liars.some(({ window }) => wasUnderWay(answer, window)));
  const counted = verified ? changed.length : changed.length - besideLiar.length;
  const degradedHops = sum(disturbed.map((answer) => answer.degradedHops));

  const quiet = undisturbed.flatMap(({ times }) => gapsOf(times));
  const median = spreadOf(lengths(quiet)).p50;
  const stalls = stallLines(
    rounds,
    disturbed.flatMap(({ times }) => gapsOf(times)),
    median,
  );
  const control = windowsOf(undisturbedWindow, WINDOW_MS).flatMap((window) => addedIn(quiet, window, median));

  const verdicts = [
    verdict('texts that differ without any fault', undisturbed.filter(differs).length, 0),
    verdict('failed', disturbed.filter(({ outcome }) => outcome === 'failed').length, 0),
    verdict('hung', disturbed.filter(({ outcome }) => outcome === 'hung').length, 0),
    verdict(standby ? 'changed texts without a degraded hop' : 'changed texts', counted, 0),
    verdict('shards that stayed away', endured.filter(({ servedAt }) => servedAt === undefined).length, 0),
    ...(standby
      ? degradedVerdicts(degradedHops, counters)
      : [...stallVerdicts(stalls), ...liarVerdicts(liars.length, callsToCordon)]),
  ];
  return {
    verdicts,
    // With a standby, stalls are reported but have no target.
    stalls: [
      { name: 'none (undisturbed)', ...spreadOf(control) },
      ...stalls.map(({ atMost, ...line }) => (standby || atMost === undefined ? line : { ...line, atMost })),
    ],
    undisturbedGaps: spreadOf(lengths(quiet)),
    tokens: sum(disturbed.map(({ digests }) => digests.length)),
    callsToCordon,
    degradedHops,
    alteredBits: strict.filter(bitsDiffer).length,
    changedBesideLiar: besideLiar.length,
    failures: [...new Set(disturbed.flatMap(({ detail }) => detail ?? []))].slice(0, MOST_FAILURES),
  };
}

function stallVerdicts(stalls: readonly StallLine[]): Verdict[] {
  return stalls.flatMap(({ name, p99, atMost }) => {
    return atMost === undefined ? [] : [verdict(`stall p99 of ${name}`, p99, atMost)];
  });
}

function liarVerdicts(liars: number, callsToCordon: readonly number[]): Verdict[] {
  if (liars === 0) return [];
  return [
    verdict('liars not cordoned', liars - callsToCordon.length, 0),
    verdict('calls until a liar was cordoned', Math.max(0, ...callsToCordon), CORDON_TARGET),
  ];
}

/** Faults of a fleet with a standby must lead to degraded hops, and `/metrics` must count as many as `usage`. */
function degradedVerdicts(hops: number, counters: ReadonlyMap<string, number>): Verdict[] {
  const uncounted = Math.abs((degradedIn(counters) ?? Number.NaN) - hops);
  return [
    verdict('runs without any degraded hop', hops > 0 ? 0 : 1, 0),
    verdict('degraded hops in /metrics and not in usage', uncounted, 0),
  ];
}

/** One line for each kind of fault, one for two faults at once, and one for the time from the end of a fault until service. */
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
    const atMost = STALL_TARGETS[name as Kind];
    return { name, ...spreadOf(values), ...(atMost !== undefined && { atMost }) };
  });
}

/** Empty if no stream was between two tokens. */
function addedIn(gaps: readonly Gap[], window: Gap, median: number): number[] {
  const longest = longestWithin(gaps, window);
  return longest === undefined ? [] : [longest - median];
}

function degradedIn(counters: ReadonlyMap<string, number>): number | undefined {
  const found = [...counters].filter(([name]) => /^expertgrid_engine_degraded_hops\w*_total$/.test(name));
  return found.length === 0 ? undefined : sum(found.map(([, value]) => value));
}

/** NaN (nothing was measured) fails. */
function verdict(name: string, value: number, atMost: number): Verdict {
  return { name, value, atMost, ok: value <= atMost };
}

function wasUnderWay({ sentAt, endedAt }: Answer, { from, to }: Gap): boolean {
  return sentAt <= to && endedAt >= from;
}

const lengths = (gaps: readonly Gap[]) => gaps.map(({ from, to }) => to - from);
