// What a part's answers and faults say: requests that went wrong, stalls by kind of fault, liars, hedges; each beside its
// target. Pure.
import type { Seen } from './part.ts';
import type { Kind } from './schedule.ts';
import { type Gap, gapsOf, longestWithin, type Spread, spreadOf, windowsOf } from './stalls.ts';
import type { Answer } from './streams.ts';

export interface Verdict {
  name: string;
  value: number;
  atMost: number;
  ok: boolean;
}

/** Stalls are the longest gaps of any stream in a fault's window, less the undisturbed median. Milliseconds. */
export interface StallLine extends Spread {
  name: string;
  /** Of the p99. */
  atMost?: number;
}

export interface Judged {
  verdicts: Verdict[];
  stalls: StallLine[];
  /** Gaps without faults. Milliseconds. */
  undisturbedGaps: Spread;
  /** Of answers. */
  tokens: number;
  /** Of each cordoned liar. */
  callsToCordon: number[];
  degradedHops: number;
  /** Answers whose logits differ in a bit, whatever their texts. */
  alteredBits: number;
  /** Whose texts differ and that were under way while a shard lied. */
  changedBesideLiar: number;
  /** What failed requests were told, each once; the first of many. */
  failures: string[];
}

/** Of a kind's p99. Milliseconds. */
const STALL_TARGETS: Partial<Record<Kind, number>> = { kill: 100, stop: 250, 'half-open': 250, slow: 250 };
const CORDON_TARGET = 10_000;
/** Windows of the undisturbed run are as long as a fault's hold is on average. Milliseconds. */
const WINDOW = 750;
/** Reasons that are told. */
const FAILURES = 20;

/**
 * `verified`: every answer is compared before it is used, so that a liar changes nothing either. Otherwise its wrong numbers are
 * used until an audit meets one: texts under way meanwhile are counted by themselves.
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
  const control = windowsOf(undisturbedWindow, WINDOW).flatMap((window) => addedIn(quiet, window, median));

  const verdicts = [
    verdict('texts that differ without any fault', undisturbed.filter(differs).length, 0),
    verdict('failed', disturbed.filter(({ outcome }) => outcome === 'failed').length, 0),
    verdict('hung', disturbed.filter(({ outcome }) => outcome === 'hung').length, 0),
    verdict(standby ? 'changed texts without a degraded hop' : 'changed texts', counted, 0),
    verdict('shards that stayed away', endured.filter(({ servedAt }) => servedAt === undefined).length, 0),
    ...stalls.flatMap(({ name, p99, atMost }) =>
      atMost === undefined || standby ? [] : [verdict(`stall p99 of ${name}`, p99, atMost)],
    ),
    ...(liars.length === 0 || standby
      ? []
      : [
          verdict('liars not cordoned', liars.length - callsToCordon.length, 0),
          verdict('calls until a liar was cordoned', Math.max(0, ...callsToCordon), CORDON_TARGET),
        ]),
    ...(standby
      ? [
          verdict('runs without any degraded hop', degradedHops > 0 ? 0 : 1, 0),
          verdict(
            'degraded hops in /metrics and not in usage',
            Math.abs((degradedIn(counters) ?? Number.NaN) - degradedHops),
            0,
          ),
        ]
      : []),
  ];
  return {
    verdicts,
    // Where a standby may serve, what counts is that it does: stalls are told and have no target.
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
    failures: [...new Set(disturbed.flatMap(({ detail }) => detail ?? []))].slice(0, FAILURES),
  };
}

/** A line a kind, of rounds with one fault; one of rounds with two; one of the time from healing to service. */
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

/** Nothing where no stream was between two tokens. */
function addedIn(gaps: readonly Gap[], window: Gap, median: number): number[] {
  const longest = longestWithin(gaps, window);
  return longest === undefined ? [] : [longest - median];
}

function degradedIn(counters: ReadonlyMap<string, number>): number | undefined {
  const found = [...counters].filter(([name]) => /^expertgrid_engine_degraded_hops\w*_total$/.test(name));
  return found.length === 0 ? undefined : sum(found.map(([, value]) => value));
}

/** NaN, where nothing was measured or told, is not as it should be. */
function verdict(name: string, value: number, atMost: number): Verdict {
  return { name, value, atMost, ok: value <= atMost };
}

function wasUnderWay({ sentAt, endedAt }: Answer, { from, to }: Gap): boolean {
  return sentAt <= to && endedAt >= from;
}

const lengths = (gaps: readonly Gap[]) => gaps.map(({ from, to }) => to - from);

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
