import { describe, expect, test } from 'vitest';
import { type Attempt, firstAttempt } from '../../../router/delivery/ledger.ts';
import { failUnserved, isBack, patienceFor, standIn } from '../../../router/delivery/stand-in.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { begin, callAt, ledgerOf, shard } from './ledgers.ts';

const [a, b, c] = [shard('a'), shard('b'), shard('c')];

function failedBy(...errors: RpcError[]): Attempt {
  return { ...firstAttempt, failures: new Map(errors.map((error, i) => [[a, b, c][i]!, error])) };
}

function busy(retryAfterMs?: number): RpcError {
  return new RpcError('busy', 'later', retryAfterMs === undefined ? {} : { retryAfterMs });
}

describe('a slot whose expert has no replica', () => {
  const plain = () => [3, 1, 2, 0].map((expert) => ({ expert, weight: expert / 10 }));
  type Ranked = NonNullable<Parameters<typeof ledgerOf>[0]['step']>['ranked'];

  /** A row with the experts 3 and 2. Only the experts in `served` have a replica. */
  function placed(level: number, served: number[], ranked: Ranked = plain) {
    const ledger = ledgerOf({ held: {}, rows: [[3, 2]], step: { ladder: Uint8Array.of(level), ranked } });
    const forRow = (expert: number) => (served.includes(expert) ? { index: 0, level: 0 } : undefined);
    const placed = standIn(ledger, [0, 1], { forRow }, firstAttempt);
    const { experts, weights } = ledger.step.assignment;
    const degraded = [...(ledger.degraded ?? [])];
    return { ...placed, experts: [...experts], weights: [...weights], degraded };
  }

  test('waits with its whole row if its row allows no other expert', () => {
    expect(placed(2, [3, 1])).toMatchObject({ served: [], waiting: [0, 1], experts: [3, 2], degraded: [] });
  });

  test('gets the best other expert with a replica that the row does not have yet, with the weight of that expert', () => {
    const weights = [1, Math.fround(0.1)];
    expect(placed(3, [3, 1, 0])).toEqual({
      served: [0, 1],
      waiting: [],
      experts: [3, 1],
      weights,
      degraded: [[1, 3]],
    });
    expect(placed(3, [1, 0])).toMatchObject({ served: [0, 1], experts: [1, 0] });
  });

  test('gets no expert but those that may take the place of its own', () => {
    const prototypes: Ranked = (_, of) =>
      plain().filter(({ expert }) => Math.floor(expert / 2) === Math.floor(of / 2));
    expect(placed(3, [3, 1, 0], prototypes)).toMatchObject({ served: [0], waiting: [1], experts: [3, 2] });
    expect(placed(3, [2, 1, 0], prototypes)).toMatchObject({ served: [1], waiting: [0], experts: [3, 2] });
  });

  test('waits if no other expert is left, or does without an expert if its row allows that', () => {
    expect(placed(3, [3])).toMatchObject({ served: [0], waiting: [1], experts: [3, 2] });
    expect(placed(4, [3])).toMatchObject({ served: [0], waiting: [], experts: [3, 2], degraded: [[1, 4]] });
  });
});

describe('patience', () => {
  const ledger = () => ledgerOf({ held: {}, rows: [[0]] });

  test('for busy shards is the shortest retryAfterMs, at least 5 ms, and 100 ms if there is none', () => {
    expect(patienceFor(ledger(), failedBy(busy(40), busy(30)))).toEqual({ ms: 30, until: undefined });
    expect(patienceFor(ledger(), failedBy(busy()))).toEqual({ ms: 100, until: undefined });
    expect(patienceFor(ledger(), failedBy(busy(0)))).toEqual({ ms: 5, until: undefined });
    expect(patienceFor(ledger(), failedBy(busy(1_000)))).toBeUndefined(); // the deadline comes first
  });

  test('for shards that are away begins once for the layer, and ends at the deadline at the latest', () => {
    const waiting = ledger();
    waiting.now = 50;
    expect(patienceFor(waiting, firstAttempt)).toEqual({ ms: 10, until: 250 });
    waiting.now = 245;
    expect(patienceFor(waiting, firstAttempt)).toEqual({ ms: 5, until: 250 });
    waiting.now = 250;
    expect(patienceFor(waiting, firstAttempt)).toBeUndefined();
    const late = ledger();
    late.now = 900;
    expect(patienceFor(late, firstAttempt)).toEqual({ ms: 10, until: 1_000 });
  });

  test('lasts until the deadline while another call for the slots is under way', () => {
    const waiting = ledgerOf({ held: { 0: { exact: [a] } }, rows: [[0]], patienceMs: 0 });
    begin(waiting);
    const beside = [callAt(waiting, 'a')];
    expect(patienceFor(waiting, { ...firstAttempt, beside })).toEqual({ ms: 10, until: 1_000 });
    expect(patienceFor(waiting, firstAttempt)).toBeUndefined();
  });

  test('is undefined after an error that no other replica can mend, or if the caller has given up', () => {
    expect(patienceFor(ledger(), failedBy(busy(30), new RpcError('invalid', 'malformed')))).toBeUndefined();
    expect(patienceFor({ ...ledger(), isAborted: true }, failedBy(busy(30)))).toBeUndefined();
  });
});

test('slots fail with an error after which no replica can answer, else with `busy`, else because no shard holds the expert', () => {
  const lost = new RpcError('unavailable', 'lost');
  const invalid = new RpcError('invalid', 'malformed');
  const errorAfter = (...errors: RpcError[]) => {
    const ledger = ledgerOf({ held: {}, rows: [[7]] });
    failUnserved(ledger, [0], failedBy(...errors));
    return ledger.failed?.get(0);
  };
  expect(errorAfter(lost, invalid, busy(30))).toBe(invalid);
  expect(errorAfter(lost, busy(30))).toMatchObject({ code: 'busy', retryAfterMs: 30 });
  const message = 'no connected shard holds expert 7 of layer 0';
  expect(errorAfter(lost)).toMatchObject({ code: 'unavailable', message, cause: lost });
});

test('isBack is true if all experts of a row have a replica that its ladder allows', () => {
  const wait = { type: 'wait', slots: [0, 1], attempt: firstAttempt, ms: 10, until: 200 } as const;
  const back = (held: Parameters<typeof ledgerOf>[0]['held'], level = 0) =>
    isBack(ledgerOf({ held, rows: [[0, 1]], step: { ladder: Uint8Array.of(level) } }), wait);
  expect(back({ 0: { exact: [a] } })).toBe(false);
  expect(back({ 0: { exact: [a] }, 1: { exact: [b] } })).toBe(true);
  expect(back({ 0: { exact: [a] }, 1: { standby: [b] } })).toBe(false);
  expect(back({ 0: { exact: [a] }, 1: { standby: [b] } }, 2)).toBe(true);
});
