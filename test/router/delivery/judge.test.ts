import { expect, test } from 'vitest';
import { doubtedSlots, firstDifference, without } from '../../../router/delivery/audit.ts';
import { type Evidence, nextStep, noEvidence } from '../../../router/delivery/judge.ts';
import type { Piece } from '../../../router/delivery/ledger.ts';
import { shard } from './ledgers.ts';

const [a, b, c, d] = [shard('a'), shard('b'), shard('c'), shard('d')];
const [one, two, three] = [Float32Array.of(1), Float32Array.of(2), Float32Array.of(3)];
const difference = {
  slot: 0,
  answers: [
    { shard: a, row: one },
    { shard: b, row: two },
  ],
} as const;
const atOdds = { type: 'verdict', wrongShard: undefined };

function after(evidence: Partial<Evidence>, thirds = [c, d]) {
  return nextStep(difference, thirds, { ...noEvidence(), ...evidence });
}

test('third replicas are called one after another until one agrees with one of the two shards, and the other shard is wrong', () => {
  expect(after({})).toEqual({ type: 'ask_third', shard: c });
  expect(after({ thirds: [one] })).toEqual({ type: 'verdict', wrongShard: b });
  expect(after({ thirds: [two] })).toEqual({ type: 'verdict', wrongShard: a });
  expect(after({ thirds: [undefined] })).toEqual({ type: 'ask_third', shard: d });
  expect(after({ thirds: [three, one] })).toEqual({ type: 'verdict', wrongShard: b });
  expect(after({ thirds: [three, undefined] })).toEqual({ type: 'ask_again' });
});

test('if no third replica decides, the shard that does not repeat its answer is wrong; a missing answer does not count', () => {
  const repeated = (...repeats: [Float32Array | undefined, Float32Array | undefined]) =>
    after({ repeats }, []);
  expect(repeated(three, two)).toEqual({ type: 'verdict', wrongShard: a });
  expect(repeated(undefined, three)).toEqual({ type: 'verdict', wrongShard: b });
  for (const both of [repeated(one, two), repeated(three, three), repeated(undefined, two)]) {
    expect(both).toEqual({ type: 'ask_golden', shard: a });
  }
});

test('if both repeat their answers, the shard that fails a golden row is wrong; without such a shard there is no verdict', () => {
  const golden = (...failedGolden: boolean[]) => after({ repeats: [one, two], failedGolden }, []);
  expect(golden(true)).toEqual({ type: 'verdict', wrongShard: a });
  expect(golden(false)).toEqual({ type: 'ask_golden', shard: b });
  expect(golden(false, true)).toEqual({ type: 'verdict', wrongShard: b });
  expect(golden(false, false)).toEqual(atOdds);
});

test('two answers differ if their bits differ at a slot that two exact replicas have answered', () => {
  const piece = (of: Piece['shard'], slots: number[], ...values: number[]): Piece => {
    return { shard: of, slots, rows: Float32Array.from(values) };
  };
  const differ = (mine: Piece, other: Piece, isExact = true) =>
    firstDifference([mine], [other], { hidden: 1, isExact: () => isExact })?.slot;
  expect(differ(piece(a, [0, 4, 5], 1, 2, 3), piece(b, [4, 5], 2, 3))).toBeUndefined();
  expect(differ(piece(a, [0, 4, 5], 1, 2, 3), piece(b, [4, 5], 2, 4))).toBe(5);
  expect(differ(piece(a, [0], 0), piece(b, [0], -0))).toBe(0);
  expect(differ(piece(a, [0], 1), piece(a, [0], 2))).toBeUndefined();
  expect(differ(piece(a, [0], 1), piece(b, [0], 2), false)).toBeUndefined();
});

test('all answers of a wrong shard are dropped, and the slots that no other shard has answered are returned', () => {
  const mine = { shard: a, slots: [0, 1], rows: Float32Array.of(1, 1) };
  const retried = { shard: c, slots: [2], rows: three };
  const opinion = { shard: b, slots: [0], rows: two };
  expect(without(a, [mine, retried], [opinion])).toEqual({ believed: [opinion, retried], rest: [1] });
  expect(without(b, [mine, retried], [opinion])).toEqual({ believed: [mine, retried], rest: [] });
});

test('doubtedSlots returns all slots that have another replica; if not every call is audited, only those whose experts one drawn shard holds', () => {
  const others = [[], [b], [b, c], [c]];
  const doubted = (auditShare: number, draw: number) =>
    doubtedSlots([0, 1, 2, 3], (slot) => others[slot]!, { auditShare, random: () => draw });
  expect(doubted(1, 0)).toEqual([1, 2, 3]);
  expect(doubted(0.5, 0)).toEqual([1, 2]);
  expect(doubted(0.5, 0.99)).toEqual([2, 3]);
});
