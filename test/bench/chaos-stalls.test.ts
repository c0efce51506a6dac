// Tests the stalls that are computed from the arrivals of tokens, and the verdicts on the requests of a chaos run.
import { describe, expect, it } from 'vitest';
import type { Endured } from '../../bench/chaos/faults.ts';
import type { Seen } from '../../bench/chaos/part.ts';
import { partText } from '../../bench/chaos/report.ts';
import type { Kind } from '../../bench/chaos/schedule.ts';
import { gapsOf, longestWithin, spreadOf, windowsOf } from '../../bench/chaos/stalls.ts';
import type { Answer } from '../../bench/chaos/streams.ts';
import { judge } from '../../bench/chaos/verdicts.ts';

describe('gaps between tokens', () => {
  const gaps = gapsOf([0, 10, 20, 120, 130]);

  it('count in full if a window touches them', () => {
    expect(longestWithin(gaps, { from: 0, to: 19 })).toBe(10);
    expect(longestWithin(gaps, { from: 50, to: 60 })).toBe(100);
    expect(longestWithin(gaps, { from: 121, to: 500 })).toBe(10);
    expect(longestWithin(gaps, { from: 500, to: 600 })).toBeUndefined();
  });

  it('are sought in windows of equal length, and the rest of the time is left out', () => {
    expect(windowsOf({ from: 100, to: 1_050 }, 300)).toEqual([
      { from: 100, to: 400 },
      { from: 400, to: 700 },
      { from: 700, to: 1_000 },
    ]);
    expect(windowsOf({ from: 0, to: 10 }, 300)).toEqual([]);
  });

  it('have percentiles that are one of their values', () => {
    expect(spreadOf([5, 1, 3])).toEqual({ count: 3, p50: 3, p99: 5, max: 5 });
  });
});

/** A token every 10 ms from `sentAt`, except for one gap of `stallMs` after `stallAt`. */
function answer(changes: Partial<Answer> & { stallAt?: number; stallMs?: number } = {}): Answer {
  const { stallAt = Number.POSITIVE_INFINITY, stallMs = 10, ...rest } = changes;
  const times = Array.from({ length: 100 }, (_, i) => {
    const time = (rest.sentAt ?? 0) + 10 * i;
    return time > stallAt ? time + stallMs - 10 : time;
  });
  return {
    request: 0,
    times,
    sentAt: 0,
    endedAt: (rest.sentAt ?? 0) + 2_000,
    text: 'once',
    digests: ['a', 'b'],
    degradedHops: 0,
    outcome: 'whole',
    ...rest,
  };
}

function endured(kind: Kind, from: number, changes: Partial<Endured> = {}): Endured {
  const fault = { kind, shard: 0, holdMs: 300, seed: 1 };
  return { fault, window: { from, to: from + 300 }, servedAt: from + 400, ...changes };
}

function seen(changes: Partial<Seen>): Seen {
  return {
    undisturbed: [answer(), answer()],
    undisturbedWindow: { from: 0, to: 3_000 },
    disturbed: [answer({ sentAt: 5_000 })],
    rounds: [],
    counters: new Map(),
    ...changes,
  };
}

const missed = (run: Seen, standby = false) =>
  judge(run, { standby, verified: false }).verdicts.flatMap(({ name, ok }) => (ok ? [] : [name]));

describe('the verdicts on a run', () => {
  it('find nothing wrong if all texts are the same and no stream stalled', () => {
    const run = seen({ rounds: [[endured('kill', 5_200)], [endured('stop', 5_600)]] });
    expect(missed(run)).toEqual([]);
    expect(
      judge(run, { standby: false, verified: false }).stalls.map(({ name, max }) => [name, max]),
    ).toEqual([
      ['none (undisturbed)', 0],
      ['kill', 0],
      ['coming back', 0],
      ['stop', 0],
    ]);
  });

  it('count failures, hangs, changed texts and shards that stay away', () => {
    const disturbed = [
      answer({ outcome: 'failed', detail: '503' }),
      answer({ outcome: 'hung' }),
      answer({ text: 'twice' }),
    ];
    const rounds = [[endured('cut', 5_200, { servedAt: undefined })]];
    expect(missed(seen({ disturbed, rounds }))).toEqual([
      'failed',
      'hung',
      'changed texts',
      'shards that stayed away',
    ]);
  });

  it('fail a run in which texts differ without any fault', () => {
    expect(missed(seen({ undisturbed: [answer({ text: 'twice' }), answer()] }))).toContain(
      'texts that differ without any fault',
    );
  });

  it('compare the longest stall of each kind of fault, minus the median gap without faults, with the target of the kind', () => {
    const disturbed = [answer({ sentAt: 5_000, stallAt: 5_250, stallMs: 160 })];
    const stall = (kind: Kind) => missed(seen({ disturbed, rounds: [[endured(kind, 5_200)]] }));
    expect(stall('kill')).toEqual(['stall p99 of kill']);
    expect(stall('stop')).toEqual([]);
    expect(stall('cut')).toEqual([]);
    const both = seen({ disturbed, rounds: [[endured('kill', 5_200), endured('cut', 5_200)]] });
    expect(missed(both)).toEqual([]);
    expect(judge(both, { standby: false, verified: false }).stalls[1]).toMatchObject({
      name: 'two at once',
      max: 150,
    });
  });

  it('fail a fault during which no stream was running, because its stall is unknown', () => {
    expect(missed(seen({ rounds: [[endured('kill', 9_000)]] }))).toEqual(['stall p99 of kill']);
  });

  it('require every liar (a shard that answers wrongly) to be cordoned within 10,000 calls', () => {
    const lie = (callsToCordon: number | undefined) =>
      missed(seen({ rounds: [[endured('flip', 5_200, { callsToCordon })]] }));
    expect(lie(900)).toEqual([]);
    expect(lie(10_001)).toEqual(['calls until a liar was cordoned']);
    expect(lie(undefined)).toEqual(['liars not cordoned']);
  });

  it('distinguish changed bits, changed texts, and texts that changed while a shard lied', () => {
    const disturbed = [answer({ sentAt: 5_000, text: 'twice' }), answer({ digests: ['a', 'c'] })];
    const rounds = [[endured('flip', 5_200, { callsToCordon: 10 })]];
    expect(judge(seen({ disturbed, rounds }), { standby: false, verified: false })).toMatchObject({
      alteredBits: 1,
      changedBesideLiar: 1,
    });
  });

  it('fail a text that a liar changed if answers are audited before use, and allow it otherwise', () => {
    const disturbed = [answer({ sentAt: 5_000, text: 'twice' })];
    const run = seen({ disturbed, rounds: [[endured('flip', 5_200, { callsToCordon: 10 })]] });
    expect(missed(run)).toEqual([]);
    const verified = judge(run, { standby: false, verified: true }).verdicts;
    expect(verified.flatMap(({ name, ok }) => (ok ? [] : [name]))).toEqual(['changed texts']);
  });

  it('let degraded answers differ if a standby may serve and if all degraded hops are reported and counted', () => {
    const disturbed = [answer({ text: 'twice', degradedHops: 4 }), answer({ degradedHops: 1 })];
    const counters = new Map([['expertgrid_engine_degraded_hops_standby_total', 5]]);
    expect(missed(seen({ disturbed, counters }), true)).toEqual([]);
    expect(missed(seen({ disturbed }), true)).toEqual(['degraded hops in /metrics and not in usage']);
    expect(missed(seen({ disturbed: [answer({ text: 'twice' })], counters }), true)).toEqual([
      'changed texts without a degraded hop',
      'runs without any degraded hop',
      'degraded hops in /metrics and not in usage',
    ]);
  });

  it('are printed with a row for each kind of fault', () => {
    const run = seen({ rounds: [[endured('kill', 5_200)]], stopped: 'the gateway has ended' });
    const text = partText('two copies', run, judge(run, { standby: false, verified: false }));
    expect(text).toMatch(/^kill +\| +1 \| +0\.0 \| 0\.0 \| 0\.0 \| +< 100$/m);
    expect(text).toContain('FAILED ended early: the gateway has ended');
  });
});
