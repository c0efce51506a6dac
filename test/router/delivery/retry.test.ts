import { expect, test } from 'vitest';
import { type Attempt, firstAttempt } from '../../../router/delivery/ledger.ts';
import { afterFailure, isBlamed } from '../../../router/delivery/retry.ts';
import { RpcError, rpcErrorCodes } from '../../../rpc/errors.ts';
import { shard } from './ledgers.ts';

const wrong = new RpcError('internal', 'gave a number that is not finite');
const second: Attempt = { ...firstAttempt, failures: new Map([[shard('a'), wrong]]) };
const alone: Attempt = { ...firstAttempt, alone: true };

test.each(rpcErrorCodes)(
  '%s: another replica is called, unless the deadline has passed or the call was cancelled',
  (code) => {
    const error = new RpcError(code, 'failed');
    const failure = { error, attempt: firstAttempt, slots: 3 };
    const expected = code === 'cancelled' ? 'give_up' : 'retry';
    expect(afterFailure({ ...failure, isOver: false })).toBe(expected);
    expect(afterFailure({ ...failure, isOver: true })).toBe('give_up');
    expect(isBlamed(error, firstAttempt)).toBe(code === 'internal');
  },
);

test('the second shard that fails a frame with `internal` is not blamed, and each slot is then sent alone', () => {
  expect(isBlamed(wrong, second)).toBe(false);
  expect(afterFailure({ error: wrong, attempt: second, slots: 3, isOver: false })).toBe('each_alone');
  expect(afterFailure({ error: wrong, attempt: second, slots: 3, isOver: true })).toBe('each_alone');
});

test('a slot that was sent alone is retried after any error except `internal`', () => {
  expect(afterFailure({ error: wrong, attempt: second, slots: 1, isOver: false })).toBe('retry');
  expect(afterFailure({ error: wrong, attempt: alone, slots: 1, isOver: false })).toBe('give_up');
  expect(isBlamed(wrong, alone)).toBe(false);
  const lost = new RpcError('unavailable', 'lost');
  expect(afterFailure({ error: lost, attempt: alone, slots: 1, isOver: false })).toBe('retry');
});
