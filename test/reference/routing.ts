// Chooses experts and their weights from one row of scores, by the checkpoint's rule, in float64.
import type { RoutingConfig } from '../../model/config/config.ts';

export interface Choice {
  /** Best first. */
  experts: number[];
  /** Factor of the answer of each expert in `experts`. */
  weights: number[];
  /** Score of the worst chosen expert minus that of the best expert that is not chosen; Infinity if all are chosen. */
  margin: number;
  /** Score of the worst expert that would be chosen without `forced`, minus that of the worst forced one; 0 if none is forced. */
  regret: number;
}

/**
 * `forced` experts replace the chosen ones. Their weights are still computed from `scores`. The margin has the unit of the
 * compared values: raw scores for softmax, which keeps the order of scores, and sigmoid plus bias for sigmoid.
 */
export function choose(
  scores: Float64Array,
  k: number,
  { score, renormalise, scale }: RoutingConfig,
  selectionBias?: Float64Array,
  forced?: readonly number[],
): Choice {
  const probabilities = score === 'softmax' ? softmax(scores) : scores.map((z) => 1 / (1 + Math.exp(-z)));
  const compared = score === 'softmax' ? scores : probabilities.map((p, e) => p + (selectionBias?.[e] ?? 0));
  const order = Array.from(compared.keys()).sort(
    (a, b) => (compared[b] as number) - (compared[a] as number) || a - b,
  );
  const [last, next] = [order[k - 1], order[k]];
  if (last === undefined) throw new Error(`k = ${k} of ${scores.length} experts`);
  const experts = forced ? [...forced] : order.slice(0, k);
  const worst = Math.min(...experts.map((e) => compared[e] as number));
  const raw = experts.map((e) => probabilities[e] as number);
  const sum = raw.reduce((a, b) => a + b, 0);
  const divisor = renormalise && (score === 'softmax' || k > 1) ? sum : 1;
  return {
    experts,
    weights: raw.map((p) => (p / divisor) * scale),
    margin:
      next === undefined ? Number.POSITIVE_INFINITY : (compared[last] as number) - (compared[next] as number),
    regret: (compared[last] as number) - worst,
  };
}

export function softmax(scores: Float64Array): Float64Array {
  const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = scores.map((z) => Math.exp(z - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
