// The router's scores to chosen experts and their weights, by the checkpoint's rule. Pure; knows no shards.
//
// Worked example: 4 experts, k = 1, softmax not renormalised, scores [0, ln 3, 0, 0] of one row:
//   experts = [1], weights = [0.5]          // 3 / (1 + 3 + 1 + 1)

/** One layer's rule; where it comes from: model/config.ts `RoutingConfig`. */
export interface RoutingRule {
  score: 'softmax' | 'sigmoid';
  /** Divide the chosen weights by their sum. For `sigmoid` only where k > 1. */
  renormalise: boolean;
  /** Multiplies every weight, last. */
  scale: number;
  /** `[experts]`, added to the sigmoid for choosing, never to the weights. */
  bias?: Float32Array;
  k: number;
}

export interface Assignment {
  /** Experts a row. */
  k: number;
  /** `[rows, k]`, best first. */
  experts: Uint16Array;
  /** `[rows, k]` */
  weights: Float32Array;
}

/**
 * `scores` are raw, `[rows, experts]`. Computed in double precision and rounded to float32 once, at the weight; of equal
 * experts the lower number comes first. Throws where a score is not finite.
 */
export function select(scores: Float32Array, experts: number, rule: RoutingRule): Assignment {
  const { k, bias } = rule;
  const rows = scores.length / experts;
  if (!Number.isInteger(rows)) throw new RangeError(`${scores.length} scores are not rows of ${experts}`);
  if (!Number.isInteger(k) || k < 1 || k > experts)
    throw new RangeError(`cannot choose ${k} of ${experts} experts`);
  if (bias !== undefined && bias.length !== experts) {
    throw new RangeError(`the selection bias has ${bias.length} entries for ${experts} experts`);
  }
  const assignment = { k, experts: new Uint16Array(rows * k), weights: new Float32Array(rows * k) };
  for (let row = 0; row < rows; row++) {
    const ofRow = scores.subarray(row * experts, (row + 1) * experts);
    const bad = ofRow.findIndex((score) => !Number.isFinite(score));
    if (bad >= 0) throw new RangeError(`the router's score of row ${row} for expert ${bad} is ${ofRow[bad]}`);
    const chosen = assignment.experts.subarray(row * k, (row + 1) * k);
    choose(ofRow, rule, chosen);
    weigh(ofRow, rule, chosen, assignment.weights.subarray(row * k, (row + 1) * k));
  }
  return assignment;
}

/** Fills `chosen` by insertion. Softmax keeps the order of its scores, so the scores themselves are compared. */
function choose(scores: Float32Array, { score, bias }: RoutingRule, chosen: Uint16Array): void {
  const keyOf = (expert: number) =>
    score === 'softmax' ? scores[expert]! : sigmoid(scores[expert]!) + (bias?.[expert] ?? 0);
  let count = 0;
  let worst = Number.NEGATIVE_INFINITY;
  for (let expert = 0; expert < scores.length; expert++) {
    const key = keyOf(expert);
    if (count === chosen.length && !(key > worst)) continue;
    let at = count < chosen.length ? count++ : count - 1;
    for (; at > 0 && key > keyOf(chosen[at - 1]!); at--) chosen[at] = chosen[at - 1]!;
    chosen[at] = expert;
    worst = keyOf(chosen[count - 1]!);
  }
}

function weigh(
  scores: Float32Array,
  { score, renormalise, scale }: RoutingRule,
  chosen: Uint16Array,
  weights: Float32Array,
): void {
  // Softmax relative to the largest score, which is the first chosen one's: no exponent overflows.
  const largest = scores[chosen[0]!]!;
  const raw = (expert: number) =>
    score === 'softmax' ? Math.exp(scores[expert]! - largest) : sigmoid(scores[expert]!);
  let divisor = 1;
  if (renormalise && (score === 'softmax' || chosen.length > 1)) {
    divisor = chosen.reduce((sum, expert) => sum + raw(expert), 0);
  } else if (score === 'softmax') {
    divisor = scores.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  }
  // Sigmoids of very low scores may all be 0: then so are the weights.
  for (let rank = 0; rank < chosen.length; rank++) {
    weights[rank] = divisor === 0 ? 0 : (raw(chosen[rank]!) / divisor) * scale;
  }
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
