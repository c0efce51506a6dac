// Shards of other zones are called only for what no shard of the gateway's zone serves.
import { describe, expect, test } from 'vitest';
import { isDone, next } from '../../../router/delivery/next.ts';
import { isBack } from '../../../router/delivery/stand-in.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { answer, at, begin, callAt, ledgerOf, shard, told } from './ledgers.ts';

const [a, b] = [shard('a'), shard('b')];
const [far, farther] = [shard('far', { isNear: false }), shard('farther', { isNear: false })];
const lost = new RpcError('unavailable', 'the connection was lost');
const busy = new RpcError('busy', 'later', { retryAfterMs: 30 });

describe('a unit with a replica in this zone', () => {
  test('is called there, even if another shard that is called anyway holds it too', () => {
    const held = { 0: { exact: [far] }, 1: { exact: [far, a] } };
    expect(told(begin(ledgerOf({ held, rows: [[0, 1]] })))).toEqual(['send far 0', 'send a 1']);
  });

  test('is called in another zone after every replica of this zone has failed', () => {
    const ledger = ledgerOf({ held: { 0: { exact: [far, a, b] } }, rows: [[0]] });
    begin(ledger);
    const fail = (address: string) =>
      told(next(ledger, { type: 'failed', call: callAt(ledger, address), error: lost }));
    expect(fail('a')).toEqual(['send b 0']);
    expect(fail('b')).toEqual(['send far 0']);
    expect(next(ledger, answer(callAt(ledger, 'far')))).toEqual([]);
    expect(isDone(ledger)).toBe(true);
  });

  test('waits for a replica of this zone that is busy', () => {
    const ledger = ledgerOf({ held: { 0: { exact: [a, far] } }, rows: [[0]] });
    begin(ledger);
    const failed = next(ledger, { type: 'failed', call: callAt(ledger, 'a'), error: busy });
    expect(told(failed)).toEqual(['wait 30 0']);
  });

  test('is called in another zone only when the call counts as lost, without a hedge', () => {
    const ledger = ledgerOf({ held: { 0: { exact: [a, far] } }, rows: [[0]], hedges: 1 });
    begin(ledger);
    const call = callAt(ledger, 'a');
    expect(call).toMatchObject({ wake: 'lost', wakeAt: 400 });
    expect(told(at(ledger, 400, { type: 'overdue', call }))).toEqual(['send far 0']);
    expect(ledger.step.fleet.calls).toMatchObject({ hedged: 0, retried: 1 });
  });

  test('is not audited in another zone', () => {
    const held = { 0: { exact: [a, far] }, 1: { exact: [a, b] } };
    const audited = (expert: number) => begin(ledgerOf({ held, rows: [[expert]], auditShare: 1 }));
    expect(told(audited(0))).toEqual(['send a 0']);
    expect(told(audited(1))).toEqual(['send a 0', 'ask_opinion a']);
  });
});

describe('a unit without a replica in this zone', () => {
  test('is called in another zone, and hedged there', () => {
    const ledger = ledgerOf({ held: { 0: { exact: [far, farther] } }, rows: [[0]], hedges: 1 });
    expect(told(begin(ledger))).toEqual(['send far 0']);
    const call = callAt(ledger, 'far');
    expect(call).toMatchObject({ wake: 'late', wakeAt: 50 });
    expect(told(at(ledger, 50, { type: 'overdue', call }))).toEqual(['send farther 0']);
  });

  test('is called in another zone rather than at a standby of this zone', () => {
    const held = { 0: { exact: [far], standby: [a] } };
    const ladder = Uint8Array.of(2);
    expect(told(begin(ledgerOf({ held, rows: [[0]], step: { ladder } })))).toEqual(['send far 0']);
  });

  test('waits for this zone or steps down the ladder if its row must not be sent to other zones', () => {
    const held = { 0: { exact: [far], standby: [a] } };
    const step = { near: Uint8Array.of(0, 1, 1), ladder: Uint8Array.of(0, 0, 2) };
    const ledger = ledgerOf({ held, rows: [[0], [0], [0]], step });
    expect(told(begin(ledger))).toEqual(['send far 0', 'send a 2', 'wait 10 1']);
    const wait = ledger.open.find((entry) => entry.type === 'wait');
    if (wait?.type !== 'wait') throw new Error('nothing waits');
    expect(isBack(ledger, wait)).toBe(false);
    expect(isBack(ledgerOf({ held: { 0: { exact: [far, a] } }, rows: [[0], [0], [0]], step }), wait)).toBe(
      true,
    );
  });

  test('steps down the ladder if its shard hangs and its row must not be sent to other zones', () => {
    const held = { 0: { exact: [a, far] } };
    const ladder = Uint8Array.of(3);
    const ranked = () => [{ expert: 1, weight: 1 }];
    const near = Uint8Array.of(1);
    const ledger = ledgerOf({
      held: { ...held, 1: { exact: [b] } },
      rows: [[0]],
      step: { ladder, ranked, near, deadlineMs: 5_000 },
    });
    begin(ledger);
    const call = callAt(ledger, 'a');
    expect(call).toMatchObject({ wake: 'silent', wakeAt: 1_200 });
    expect(told(at(ledger, 1_200, { type: 'overdue', call }))).toEqual([
      'avoid a',
      'send b 0',
      'cancel a beaten',
    ]);
  });
});
