// Two shards of one numerics class have given different bits for one row: which question finds the wrong one. Pure; inquiry.ts
// asks the questions.
//
// Worked example: a and b differ, c holds the expert too:
//   {}                          → ask c for the row
//   { thirds: [undefined] }     → c did not answer: ask a and b once more
//   { …, repeats: [same, …] }   → both repeat themselves: ask a for a golden row, then b
import type { Shard } from '../shards/shard.ts';
import { sameBits } from './audit.ts';
import type { Difference } from './ledger.ts';

/** A shard's answer to the disputed row; undefined if none came. */
type Answer = Float32Array | undefined;

/** What has been learnt so far. */
export interface Evidence {
  /** By third replica, in the order in which they are asked. */
  thirds: Answer[];
  /** What each of the two answered when it was asked once more. */
  repeats: readonly [Answer, Answer] | undefined;
  /** By each of the two, whether it failed a golden row. */
  failedGolden: boolean[];
}

export type NextStep =
  | { type: 'ask_third'; shard: Shard }
  | { type: 'ask_again' }
  | { type: 'ask_golden'; shard: Shard }
  | { type: 'verdict'; liar: Shard | undefined };

export function noEvidence(): Evidence {
  return { thirds: [], repeats: undefined, failedGolden: [] };
}

/**
 * A third replica that agrees with one of the two decides. Without any, the shard that does not repeat its own answer is
 * wrong; if both do or neither does, the one that fails a golden row. No answer is not a wrong one.
 */
export function nextStep(
  { answers: [a, b] }: Difference,
  thirds: readonly Shard[],
  evidence: Evidence,
): NextStep {
  for (const row of evidence.thirds) {
    if (row !== undefined && sameBits(row, a.row)) return { type: 'verdict', liar: b.shard };
    if (row !== undefined && sameBits(row, b.row)) return { type: 'verdict', liar: a.shard };
  }
  const third = thirds[evidence.thirds.length];
  if (third !== undefined) return { type: 'ask_third', shard: third };

  if (evidence.repeats === undefined) return { type: 'ask_again' };
  const [again, bAgain] = evidence.repeats;
  const isRepeated = again === undefined || sameBits(again, a.row);
  if (isRepeated !== (bAgain === undefined || sameBits(bAgain, b.row))) {
    return { type: 'verdict', liar: isRepeated ? b.shard : a.shard };
  }

  const failed = [a, b].find((_, index) => evidence.failedGolden[index] === true);
  const asked = [a, b][evidence.failedGolden.length];
  if (failed !== undefined || asked === undefined) return { type: 'verdict', liar: failed?.shard };
  return { type: 'ask_golden', shard: asked.shard };
}
