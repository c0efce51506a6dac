import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call, Ledger, Wait } from '../../../router/delivery/ledger.ts';
import { isDone, next } from '../../../router/delivery/next.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { answer, at, begin, callAt, ledgerOf, shard, told } from './ledgers.ts';

const [a, b, c] = [shard('a'), shard('b'), shard('c')];
const both = { exact: [a, b] };
const lost = new RpcError('unavailable', 'the connection was lost');
const wrong = new RpcError('internal', 'gave a number that is not finite');

function waitOf({ open }: Ledger): Wait {
  const wait = open.find((entry) => entry.type === 'wait');
  if (wait?.type !== 'wait') throw new Error('nothing waits');
  return wait;
}

test('each frame is one send and one answer if every shard answers in time', () => {
  const ledger = ledgerOf({
    held: { 0: { exact: [a] }, 1: { exact: [b] } },
    rows: [
      [0, 1],
      [1, 0],
    ],
  });
  expect(told(begin(ledger))).toEqual(['send a 0,3', 'send b 1,2']);
  expect(next(ledger, answer(callAt(ledger, 'b')))).toEqual([]);
  expect(isDone(ledger)).toBe(false);
  expect(next(ledger, answer(callAt(ledger, 'a')))).toEqual([]);
  expect(isDone(ledger)).toBe(true);
  expect(ledger).toMatchObject({ failed: undefined, degraded: undefined, patienceAt: undefined });
});

test('calls of a shard in this thread come last, because they block the thread', () => {
  const here = shard('here', { isHere: true });
  const held = { 0: { exact: [here] }, 1: { exact: [a] }, 2: { exact: [b] } };
  expect(told(begin(ledgerOf({ held, rows: [[0, 1, 2]] })))).toEqual(['send a 1', 'send b 2', 'send here 0']);
  const audited = ledgerOf({ held: { 0: { exact: [here, a] } }, rows: [[0]], auditShare: 1 });
  expect(told(begin(audited))).toEqual(['ask_opinion here', 'send here 0']);
});

test('a call of a shard in this thread is never late, and is retried at another shard if it fails', () => {
  const here = shard('here', { isHere: true });
  const ledger = ledgerOf({ held: { 0: { exact: [here, a] } }, rows: [[0]], hedges: 1 });
  begin(ledger);
  const call = callAt(ledger, 'here');
  expect(call.wakeAt).toBe(Number.POSITIVE_INFINITY);
  expect(told(next(ledger, { type: 'failed', call, error: wrong }))).toEqual(['blame here', 'send a 0']);
});

describe('a call that fails', () => {
  test('is retried at another replica, and fails for good if no replica is left and the patience is 0', () => {
    const ledger = ledgerOf({ held: { 0: both }, rows: [[0]], patienceMs: 0 });
    begin(ledger);
    expect(told(next(ledger, { type: 'failed', call: callAt(ledger, 'a'), error: lost }))).toEqual([
      'send b 0',
    ]);
    expect(next(ledger, { type: 'failed', call: callAt(ledger, 'b'), error: lost })).toEqual([]);
    expect(isDone(ledger)).toBe(true);
    expect(ledger.failed?.get(0)).toMatchObject({ message: 'no connected shard holds expert 0 of layer 0' });
    expect(ledger.step.fleet.calls.retried).toBe(2);
  });

  test('with `internal` is blamed on the first shard, and each slot is sent alone if a second shard fails too', () => {
    const ledger = ledgerOf({ held: { 0: both }, rows: [[0], [0]] });
    begin(ledger);
    const fail = (address: string) =>
      told(next(ledger, { type: 'failed', call: callAt(ledger, address), error: wrong }));
    expect(fail('a')).toEqual(['blame a', 'send b 0,1']);
    expect(fail('b')).toEqual(['send a 0', 'send a 1']);
    expect(fail('a')).toEqual([]);
    expect([...(ledger.failed ?? [])]).toEqual([[0, wrong]]);
    next(ledger, answer(callAt(ledger, 'a')));
    expect(isDone(ledger)).toBe(true);
  });

  test('is not retried if the caller has given up', () => {
    const ledger = ledgerOf({ held: { 0: both }, rows: [[0]] });
    begin(ledger);
    ledger.isAborted = true;
    expect(next(ledger, { type: 'failed', call: callAt(ledger, 'a'), error: lost })).toEqual([]);
    expect(ledger.failed?.get(0)).toBe(lost);
  });
});

describe('a call that is late', () => {
  test('is hedged if the budget allows, and the first answer cancels the other call', () => {
    const ledger = ledgerOf({ held: { 0: both }, rows: [[0]], hedges: 1 });
    begin(ledger);
    const first = callAt(ledger, 'a');
    expect(first).toMatchObject({ wake: 'late', wakeAt: 50 });
    expect(told(at(ledger, 50, { type: 'overdue', call: first }))).toEqual(['send b 0']);
    expect(told(next(ledger, answer(callAt(ledger, 'b'))))).toEqual(['cancel a beaten']);
    expect(isDone(ledger)).toBe(true);
    expect(ledger.step.fleet.calls).toMatchObject({ hedged: 1, hedgeWins: 1, retried: 0 });
    expect(next(ledger, answer(first, 9))).toEqual([]);
    expect(ledger.pieces).toHaveLength(1);
  });

  test('may still be answered first, and then the hedge is cancelled', () => {
    const ledger = ledgerOf({ held: { 0: both }, rows: [[0]], hedges: 1 });
    begin(ledger);
    at(ledger, 50, { type: 'overdue', call: callAt(ledger, 'a') });
    expect(told(next(ledger, answer(callAt(ledger, 'a'))))).toEqual(['cancel b']);
    expect(ledger.step.fleet.calls).toMatchObject({ hedged: 1, hedgeWins: 0 });
  });

  test('is retried when it counts as lost, if there is no hedge budget', () => {
    const ledger = ledgerOf({ held: { 0: both }, rows: [[0]] });
    begin(ledger);
    const first = callAt(ledger, 'a');
    expect(at(ledger, 50, { type: 'overdue', call: first })).toEqual([]);
    expect(first).toMatchObject({ wake: 'lost', wakeAt: 400 });
    expect(told(at(ledger, 400, { type: 'overdue', call: first }))).toEqual(['send b 0']);
    expect(ledger.step.fleet.calls).toMatchObject({ hedged: 0, retried: 1 });
  });

  test('is cancelled only when several shards together have answered all its slots', () => {
    const held = { 0: { exact: [a, b] }, 1: { exact: [a, c] } };
    const ledger = ledgerOf({ held, rows: [[0], [1]], hedges: 1 });
    begin(ledger);
    expect(told(at(ledger, 50, { type: 'overdue', call: callAt(ledger, 'a') }))).toEqual([
      'send b 0',
      'send c 1',
    ]);
    expect(next(ledger, answer(callAt(ledger, 'b')))).toEqual([]);
    expect(told(next(ledger, answer(callAt(ledger, 'c'))))).toEqual(['cancel a beaten']);
  });

  test('and then fails keeps the slots that its hedge has answered, and its other slots are sent again', () => {
    const held = { 0: { exact: [a, b] }, 1: { exact: [a, c] } };
    const ledger = ledgerOf({ held, rows: [[0], [1]], hedges: 1 });
    begin(ledger);
    at(ledger, 50, { type: 'overdue', call: callAt(ledger, 'a') });
    next(ledger, answer(callAt(ledger, 'b')));
    const failed = next(ledger, { type: 'failed', call: callAt(ledger, 'a'), error: lost });
    expect(told(failed)).toEqual(['cancel c', 'send c 1']);
  });

  test('is cancelled together with its late hedge by the answer of a third shard', () => {
    const ledger = ledgerOf({ held: { 0: { exact: [a, b, c] } }, rows: [[0]], hedges: 2 });
    begin(ledger);
    at(ledger, 50, { type: 'overdue', call: callAt(ledger, 'a') });
    expect(told(at(ledger, 100, { type: 'overdue', call: callAt(ledger, 'b') }))).toEqual(['send c 0']);
    expect(told(next(ledger, answer(callAt(ledger, 'c'))))).toEqual(['cancel b beaten', 'cancel a beaten']);
    expect(ledger.step.fleet.calls).toMatchObject({ hedged: 2, hedgeWins: 2 });
    expect(isDone(ledger)).toBe(true);
  });

  test('goes on if its hedge fails for good', () => {
    const ledger = ledgerOf({ held: { 0: both }, rows: [[0]], hedges: 1 });
    begin(ledger);
    at(ledger, 50, { type: 'overdue', call: callAt(ledger, 'a') });
    const invalid = new RpcError('invalid', 'malformed');
    expect(next(ledger, { type: 'failed', call: callAt(ledger, 'b'), error: invalid })).toEqual([]);
    expect(ledger).toMatchObject({ failed: undefined, open: [{ shard: a }] });
  });

  test('steps down the ladder after 3 * lostMs (hedge.ts), if there is no other exact replica', () => {
    const ledger = ledgerOf({
      held: { 0: { exact: [a], standby: [c] } },
      rows: [[0]],
      step: { ladder: Uint8Array.of(2) },
    });
    begin(ledger);
    const first = callAt(ledger, 'a');
    expect(first).toMatchObject({ wake: 'silent', wakeAt: 1_200 });
    ledger.now = 900;
    const actions = told(next(ledger, { type: 'overdue', call: first }));
    expect(actions).toEqual(['avoid a', 'send c 0', 'cancel a beaten']);
    expect([...(ledger.degraded ?? [])]).toEqual([[0, 2]]);
  });
});

test('slots without a replica wait until one is back, and are then sent again', () => {
  const held: Parameters<typeof ledgerOf>[0]['held'] = {};
  const ledger = ledgerOf({ held, rows: [[0]] });
  expect(told(begin(ledger))).toEqual(['wait 10 0']);
  expect(waitOf(ledger).until).toBe(200);
  held[0] = { exact: [a] };
  expect(told(at(ledger, 120, { type: 'waited', wait: waitOf(ledger) }))).toEqual(['send a 0']);
  held[0] = {};
  const again = at(ledger, 150, { type: 'failed', call: callAt(ledger, 'a'), error: lost });
  expect(told(again)).toEqual(['wait 10 0']);
  expect(waitOf(ledger).until).toBe(200);
  expect(at(ledger, 200, { type: 'waited', wait: waitOf(ledger) })).toEqual([]);
  expect(ledger.failed?.get(0)).toMatchObject({ code: 'unavailable' });
});

describe('an audited call', () => {
  const setting = { held: { 0: { exact: [a, b, c] } }, rows: [[0]] };

  function differing(auditShare: number) {
    const ledger = ledgerOf({ ...setting, auditShare });
    expect(told(begin(ledger))).toEqual(['send a 0', 'ask_opinion a']);
    const audit = ledger.audits[0]!;
    const pieces = [{ shard: b, slots: [0], rows: Float32Array.of(2) }];
    next(ledger, { type: 'opinion', audit, pieces });
    return { ledger, audit, judged: told(next(ledger, answer(callAt(ledger, 'a')))) };
  }

  test('is done if both answers agree', () => {
    const ledger = ledgerOf({ ...setting, auditShare: 1 });
    begin(ledger);
    const audit = ledger.audits[0]!;
    next(ledger, answer(callAt(ledger, 'a')));
    expect(isDone(ledger)).toBe(false);
    expect(audit.wakeAt).toBe(Number.POSITIVE_INFINITY);
    const pieces = [{ shard: b, slots: [0], rows: Float32Array.of(1) }];
    expect(told(next(ledger, { type: 'opinion', audit, pieces }))).toEqual(['close a']);
    expect(isDone(ledger)).toBe(true);
  });

  test('is judged if both answers differ, and the answer of the other shard is used', () => {
    const { ledger, audit, judged } = differing(1);
    expect(judged).toEqual(['judge a']);
    expect(told(next(ledger, { type: 'judged', audit, wrongShard: a }))).toEqual(['close a']);
    expect(ledger.pieces).toMatchObject([{ shard: b }]);
    expect(ledger.step.fleet.calls).toMatchObject({ audited: 1, mismatches: 1, retried: 0 });
  });

  test('waits for a judgement for at most lostMs (hedge.ts), if only a share of the calls is audited', () => {
    const { ledger, audit } = differing(0.9);
    expect(audit.wakeAt).toBe(400);
    expect(told(at(ledger, 400, { type: 'unjudged', audit }))).toEqual(['close a']);
    expect(next(ledger, { type: 'judged', audit, wrongShard: a })).toEqual([]);
    expect(ledger.pieces).toMatchObject([{ shard: a }]);
  });

  test('is sent again without the wrong shard if only that shard has answered it', () => {
    const ledger = ledgerOf({
      held: { 0: { exact: [a, b] }, 1: { exact: [a] } },
      rows: [[0], [1]],
      auditShare: 0.9,
    });
    begin(ledger);
    const audit = ledger.audits[0]!;
    expect(audit.doubted).toEqual([0]);
    next(ledger, { type: 'opinion', audit, pieces: [{ shard: b, slots: [0], rows: Float32Array.of(2) }] });
    next(ledger, answer(callAt(ledger, 'a')));
    expect(told(next(ledger, { type: 'judged', audit, wrongShard: a }))).toEqual(['close a', 'wait 10 1']);
    expect(ledger.pieces).toMatchObject([{ shard: b, slots: [0] }]);
  });
});

test('after any events in any order, every slot is answered once or has failed, and no call or wait is left', () => {
  const happening = fc.record({ pick: fc.nat(9), what: fc.nat(5), after: fc.nat(60) });
  const codes = ['unavailable', 'busy', 'internal', 'cancelled'] as const;
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), fc.nat(3), fc.nat(4), (happenings, hedges, level) => {
      const held = { 0: { exact: [a, b, c] }, 1: { exact: [a, b] }, 2: { exact: [c], standby: [b] } };
      const rows = [
        [0, 1],
        [1, 2],
        [2, 0],
      ];
      const step = { ladder: Uint8Array.of(0, level, level), ranked: () => [{ expert: 1, weight: 0.5 }] };
      const ledger = ledgerOf({ held, rows, hedges, step });
      const running = new Set<Call | Wait>();
      const carryOut = (actions: ReturnType<typeof next>) => {
        for (const action of actions) {
          if (action.type === 'send') running.add(action.call);
          else if (action.type === 'wait') running.add(action.wait);
          else if (action.type === 'cancel') running.delete(action.entry);
        }
        expect(running).toEqual(new Set(ledger.open));
      };
      carryOut(begin(ledger));
      let now = 0;
      const happen = ({ pick, what, after }: { pick: number; what: number; after: number }) => {
        now += after;
        const entry = ledger.open[pick % ledger.open.length];
        if (entry === undefined) return;
        if (entry.type === 'call' && what === 5 && Number.isFinite(entry.wakeAt)) {
          now = Math.max(now, entry.wakeAt);
          carryOut(at(ledger, now, { type: 'overdue', call: entry }));
          return;
        }
        running.delete(entry);
        if (entry.type === 'wait') carryOut(at(ledger, now, { type: 'waited', wait: entry }));
        else if (what < 4) {
          const error = new RpcError(codes[what]!, 'failed');
          carryOut(at(ledger, now, { type: 'failed', call: entry, error }));
        } else carryOut(at(ledger, now, answer(entry)));
      };
      for (const each of happenings) happen(each);
      now = Math.max(now, 1_000);
      for (let i = 0; i < 100 && !isDone(ledger); i++) happen({ pick: 0, what: 0, after: 1 });
      expect(isDone(ledger)).toBe(true);
      const answered = ledger.pieces.flatMap(({ slots }) => slots);
      for (let slot = 0; slot < 6; slot++) {
        const times = answered.filter((each) => each === slot).length;
        const isPassed = ledger.degraded?.get(slot) === 4;
        if (ledger.failed?.has(slot) !== true && !isPassed) expect(times).toBeGreaterThan(0);
        if (slot < 2) expect(ledger.degraded?.has(slot)).not.toBe(true);
      }
    }),
    { seed: 11, numRuns: 300 },
  );
});
