// Decides which of two shards is wrong if both have the same numerics class but answer one row differently, and which calls are
// needed to find out. Pure; inquiry.ts makes the calls.
//
// Worked example: a and b differ, and c holds the expert too:
//   {}                           → call c for the row
//   { thirds: [undefined] }      → c has not answered: call a and b for the row again
//   { …, repeats: [same, same] } → both repeat their answers: call a for a golden row, then b
import type { Shard } from '../shards/shard.ts';
import { sameBits } from './audit.ts';
import type { Difference } from './ledger.ts';

/** A shard's answer to the disputed row; undefined if none came. */
type Answer = Float32Array | undefined;

/** Results of the calls so far. */
export interface Evidence {
  /** Answers of third replicas, in the order in which they are called. */
  thirds: Answer[];
  /** Second answers of the two shards. */
  repeats: readonly [Answer, Answer] | undefined;
  /** For each of the two shards, whether it failed a golden row. */
  failedGolden: boolean[];
}

export type NextStep =
  | { type: 'ask_third'; shard: Shard }
  | { type: 'ask_again' }
  | { type: 'ask_golden'; shard: Shard }
  | { type: 'verdict'; wrongShard: Shard | undefined };

export function noEvidence(): Evidence {
  return { thirds: [], repeats: undefined, failedGolden: [] };
}

/**
 * If a third replica agrees with one of the two shards, the other shard is wrong. If no third replica decides, the shard that does
 * not repeat its own answer is wrong. If that does not decide either, the shard that fails a golden row is wrong. A missing answer
 * does not count as wrong.
 */
export function nextStep(
  { answers: [a, b] }: Difference,
  thirds: readonly Shard[],
  evidence: Evidence,
): NextStep {
  for (const row of evidence.thirds) {
    if (row !== undefined && sameBits(row, a.row)) return { type: 'verdict', wrongShard: b.shard };
    if (row !== undefined && sameBits(row, b.row)) return { type: 'verdict', wrongShard: a.shard };
  }
  const third = thirds[evidence.thirds.length];
  if (third !== undefined) return { type: 'ask_third', shard: third };

  if (evidence.repeats === undefined) return { type: 'ask_again' };
  const [again, bAgain] = evidence.repeats;
  const isRepeated = again === undefined || sameBits(again, a.row);
  if (isRepeated !== (bAgain === undefined || sameBits(bAgain, b.row))) {
    return { type: 'verdict', wrongShard: isRepeated ? b.shard : a.shard };
  }

  const failed = [a, b].find((_, index) => evidence.failedGolden[index] === true);
  const asked = [a, b][evidence.failedGolden.length];
  if (failed !== undefined || asked === undefined) return { type: 'verdict', wrongShard: failed?.shard };
  return { type: 'ask_golden', shard: asked.shard };
}
