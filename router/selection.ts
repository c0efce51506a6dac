// Turns the router's scores into chosen experts and their weights, by the checkpoint's rule. Pure.
//
// Worked example: 4 experts, k = 1, softmax not renormalised, scores [0, ln 3, 0, 0] of one row:
//   experts = [1], weights = [0.5]          // 3 / (1 + 3 + 1 + 1)

/** The rule of one layer, read from the checkpoint by model/config/config.ts. */
export interface RoutingRule {
  score: 'softmax' | 'sigmoid';
  /** Whether the chosen weights are divided by their sum. Has no effect on `sigmoid` with k = 1. */
  renormalise: boolean;
  /** Factor of every weight, applied last. */
  scale: number;
  /** `[experts]`, added to the sigmoids when experts are chosen. Does not change the weights. */
  bias?: Float32Array;
  k: number;
}

export interface Assignment {
  /** Number of experts for each row. */
  k: number;
  /** `[rows, k]`, best first. */
  experts: Uint16Array;
  /** `[rows, k]` */
  weights: Float32Array;
}

/**
 * Chooses experts by the raw `scores [rows, experts]`. If scores are equal, the expert with the lower number comes first. Weights
 * are computed in double precision and rounded to float32 once. Throws if a score is not finite.
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
  // Softmax keeps the order of the scores, so the raw scores are compared.
  const sigmoids = rule.score === 'softmax' ? undefined : new Float64Array(experts);
  const chosen: number[] = new Array(k).fill(0);
  for (let row = 0; row < rows; row++) {
    const from = row * experts;
    requireFinite(scores, from, experts);
    if (sigmoids !== undefined) {
      for (let expert = 0; expert < experts; expert++) {
        sigmoids[expert] = sigmoid(scores[from + expert]!) + (bias?.[expert] ?? 0);
      }
      choose(sigmoids, 0, experts, chosen);
    } else choose(scores, from, experts, chosen);
    weigh({ scores, from, experts }, rule, chosen, assignment.weights, row * k);
    for (let rank = 0; rank < k; rank++) assignment.experts[row * k + rank] = chosen[rank]!;
  }
  return assignment;
}

/** All experts by one row's `scores [experts]`, best first. Each has the weight that it would have in place of a chosen expert. */
export function rank(scores: Float32Array, rule: RoutingRule): { expert: number; weight: number }[] {
  const all = select(scores, scores.length, { ...rule, k: scores.length, renormalise: false });
  const weights = [...all.weights];
  const shared = rule.renormalise && (rule.score === 'softmax' || rule.k > 1);
  const chosen = weights.slice(0, rule.k).reduce((sum, weight) => sum + weight, 0);
  const divisor = shared && chosen > 0 ? chosen / rule.scale : 1;
  return weights.map((weight, i) => ({ expert: all.experts[i]!, weight: weight / divisor }));
}

/** A row's scores are the `experts` numbers that begin at index `from`. */
function requireFinite(scores: Float32Array, from: number, experts: number): void {
  for (let expert = 0; expert < experts; expert++) {
    const score = scores[from + expert]!;
    if (!Number.isFinite(score)) {
      throw new RangeError(`the router's score of row ${from / experts} for expert ${expert} is ${score}`);
    }
  }
}

/** Fills `chosen` with the experts of the row's highest keys, best first. The keys begin at index `from`. */
function choose(keys: Float32Array | Float64Array, from: number, experts: number, chosen: number[]): void {
  const k = chosen.length;
  let count = 0;
  let worst = Number.NEGATIVE_INFINITY;
  for (let expert = 0; expert < experts; expert++) {
    const key = keys[from + expert]!;
    if (count === k && !(key > worst)) continue;
    let at = count < k ? count++ : count - 1;
    for (; at > 0 && key > keys[from + chosen[at - 1]!]!; at--) chosen[at] = chosen[at - 1]!;
    chosen[at] = expert;
    worst = keys[from + chosen[count - 1]!]!;
  }
}

/** Writes the weights of one row's `chosen` experts to `weights`, from index `at` on. The row's scores begin at index `from`. */
function weigh(
  { scores, from, experts }: { scores: Float32Array; from: number; experts: number },
  { score, renormalise, scale }: RoutingRule,
  chosen: readonly number[],
  weights: Float32Array,
  at: number,
): void {
  const isSoftmax = score === 'softmax';
  // With softmax, the first chosen expert has the largest score, so `exp(score - largest)` cannot overflow.
  const largest = scores[from + chosen[0]!]!;
  let divisor = 1;
  if (renormalise && (isSoftmax || chosen.length > 1)) {
    divisor = 0;
    for (const expert of chosen) divisor += rawWeight(isSoftmax, scores[from + expert]!, largest);
  } else if (isSoftmax) {
    divisor = 0;
    for (let i = from; i < from + experts; i++) divisor += Math.exp(scores[i]! - largest);
  }
  // If the sigmoids of very low scores are all 0, the weights are 0 too.
  for (let rank = 0; rank < chosen.length; rank++) {
    const raw = rawWeight(isSoftmax, scores[from + chosen[rank]!]!, largest);
    weights[at + rank] = divisor === 0 ? 0 : (raw / divisor) * scale;
  }
}

function rawWeight(isSoftmax: boolean, score: number, largest: number): number {
  return isSoftmax ? Math.exp(score - largest) : sigmoid(score);
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
