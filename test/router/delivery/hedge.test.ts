import { expect, test } from 'vitest';
import { alternativeTo, secondCall, watchOf } from '../../../router/delivery/hedge.ts';
import type { Replicas } from '../../../router/delivery/ladder.ts';
import { type Attempt, firstAttempt } from '../../../router/delivery/ledger.ts';
import type { Shard } from '../../../router/shards/shard.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { ledgerOf, shard } from './ledgers.ts';

const [a, b, c] = [shard('a'), shard('b'), shard('c')];
const frame = { owner: 0, prefill: false, rows: [0, 1], asks: [0, 0, 1, 1], slots: [0, 1] };

function alternative(
  held: Record<number, Partial<Replicas<Shard>>>,
  ladder?: Uint8Array,
  attempt: Attempt = firstAttempt,
) {
  const ledger = ledgerOf({ held, rows: [[0], [1]], step: ladder === undefined ? {} : { ladder } });
  return alternativeTo(ledger, frame, a, attempt);
}

test('a call has an exact alternative if other shards that have not failed it hold all its experts', () => {
  const held = { 0: { exact: [a, b] }, 1: { exact: [a, c] } };
  expect(alternative(held)).toBe('replica');
  expect(alternative({ ...held, 1: { exact: [a] } })).toBe('none');
  const failures = new Map([[c, new RpcError('unavailable', 'lost')]]);
  expect(alternative(held, undefined, { ...firstAttempt, failures })).toBe('none');
});

test.each([
  [0, 'none'],
  [1, 'none'],
  [2, 'lower_rung'],
  [3, 'lower_rung'],
])('a standby is an alternative if all rows allow level 2 (row 1 allows %d)', (level, expected) => {
  const held = { 0: { exact: [a], standby: [b] }, 1: { exact: [a], standby: [c] } };
  expect(alternative(held, Uint8Array.of(4, level))).toBe(expected);
});

test('the ladder is no alternative while another call for the row is under way', () => {
  const ledger = ledgerOf({ held: { 0: { exact: [b] } }, rows: [[0]] });
  const call = { ...firstAttempt, type: 'call', shard: b, frame, slots: [0], attempt: firstAttempt } as const;
  const watch = { sentAt: 0, wake: 'lost', wakeAt: 0, lostAt: 0, isHedged: false } as const;
  ledger.step.ladder = Uint8Array.of(4, 4);
  expect(alternativeTo(ledger, frame, a, firstAttempt)).toBe('lower_rung');
  expect(alternativeTo(ledger, frame, a, { ...firstAttempt, beside: [{ ...call, ...watch }] })).toBe('none');
});

test('a call is checked after lateMs if another replica could answer, and after 3 * lostMs if its rows could only step down the ladder', () => {
  const times = { lateMs: 10, lostMs: 80 };
  expect(watchOf('replica', times, 5)).toEqual({ wake: 'late', wakeAt: 15, lostAt: 85 });
  expect(watchOf('lower_rung', times, 5)).toEqual({ wake: 'silent', wakeAt: 245, lostAt: 245 });
});

test('a late call spends a hedge of the budget, and a lost call is retried without the budget', () => {
  expect(secondCall('late', () => true)).toBe('hedge');
  expect(secondCall('late', () => false)).toBe('not_yet');
  const never = () => {
    throw new Error('asked');
  };
  expect(secondCall('lost', never)).toBe('retry');
});
