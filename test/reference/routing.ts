// Chooses experts and their weights from one row of scores, by the checkpoint's rule, in float64.
//
// Sources: DeepSeek-V3 (arXiv 2412.19437) for groups and selection bias, with the masking by minus infinity of
// inclusionAI/Ling-V2 and huggingface/transformers 5.24 (modeling_glm4_moe.py); modeling_ernie4_5_moe.py for a selection bias on
// probabilities; modeling_gpt_oss.py and modeling_granitemoe.py for a softmax over the chosen experts, which is the same as
// dividing their probabilities by the sum; M6-T (arXiv 2105.15082) for prototypes.
import type { RoutingConfig } from '../../model/config/config.ts';
import { sigmoid } from './rows.ts';

export interface Choice {
  /** Best first; in the order of prototypes if there are any. */
  experts: number[];
  /** Factor of each expert in `experts`: of its answer, or of its input (`weighsInput`). */
  weights: number[];
  /**
   * By how much the worst chosen expert is better than the best expert that is not chosen, and the worst group that is kept
   * than the best that is not: the smaller of the two. Infinity if all are chosen.
   */
  margin: number;
  /** By how much the forced experts, or their groups, are worse than those that are chosen without `forced`; 0 if none is forced. */
  regret: number;
}

/**
 * The choice of a row. With prototypes, that of each group of experts, one after another.
 * `forced` experts replace the chosen ones. Their weights are still computed from `scores`. The margin has the unit of the
 * compared values: raw scores for a plain softmax, which keeps the order of scores, and otherwise probabilities or sigmoids.
 */
export function choose(
  scores: Float64Array,
  k: number,
  { prototypes, ...rule }: RoutingConfig,
  selectionBias?: Float64Array,
  forced?: readonly number[],
): Choice {
  if (prototypes === undefined) return chooseTop(scores, k, rule, selectionBias, forced);
  const size = scores.length / prototypes;
  const choices = Array.from({ length: prototypes }, (_, group) => {
    const from = group * size;
    const ofGroup = forced?.slice(group, group + 1).map((expert) => expert - from);
    const choice = chooseTop(scores.subarray(from, from + size), 1, rule, undefined, ofGroup);
    return { ...choice, experts: choice.experts.map((expert) => from + expert) };
  });
  return {
    experts: choices.flatMap(({ experts }) => experts),
    weights: choices.flatMap(({ weights }) => weights),
    margin: Math.min(...choices.map(({ margin }) => margin)),
    regret: Math.max(...choices.map(({ regret }) => regret)),
  };
}

function chooseTop(
  scores: Float64Array,
  k: number,
  rule: RoutingConfig,
  selectionBias?: Float64Array,
  forced?: readonly number[],
): Choice {
  const { score, renormalise, renormaliseOne = score === 'softmax', scale, groups } = rule;
  const probabilities = score === 'softmax' ? softmax(scores) : scores.map(sigmoid);
  const comparesScores = score === 'softmax' && selectionBias === undefined && groups === undefined;
  const keys = comparesScores ? scores : probabilities.map((p, e) => p + (selectionBias?.[e] ?? 0));
  const byGroup = groups === undefined ? undefined : chooseGroups(keys, groups, forced);
  const kept = byGroup === undefined ? keys : keys.map((key, e) => (byGroup.keeps(e) ? key : -Infinity));
  const best = topOf(kept, k);
  const experts = forced === undefined ? best.chosen : [...forced];
  const worst = Math.min(...best.chosen.map((e) => keys[e] as number));
  const worstUsed = Math.min(...experts.map((e) => keys[e] as number));
  const raw = experts.map((e) => probabilities[e] as number);
  const sum = raw.reduce((a, b) => a + b, 0);
  const divisor = renormalise && (k > 1 || renormaliseOne) ? sum : 1;
  return {
    experts,
    // If all sigmoids are 0, the weights are 0: the published code adds a small number to the divisor.
    weights: raw.map((p) => (p === 0 ? 0 : (p / divisor) * scale)),
    margin: Math.min(best.margin, byGroup?.margin ?? Number.POSITIVE_INFINITY),
    regret: Math.max(worst - worstUsed, byGroup?.regret ?? 0),
  };
}

/** Which experts are in one of the `kept` best groups. The score of a group is the sum of its two largest keys. */
function chooseGroups(
  keys: Float64Array,
  { count, kept }: NonNullable<RoutingConfig['groups']>,
  forced: readonly number[] = [],
) {
  const size = keys.length / count;
  const groupScores = Float64Array.from({ length: count }, (_, g) => {
    const [first = 0, second = 0] = [...keys.subarray(g * size, (g + 1) * size)].sort((a, b) => b - a);
    return first + second;
  });
  const { chosen, margin } = topOf(groupScores, kept);
  const groupOf = (expert: number) => Math.floor(expert / size);
  const worst = Math.min(...chosen.map((g) => groupScores[g] as number));
  const worstUsed = Math.min(worst, ...forced.map((e) => groupScores[groupOf(e)] as number));
  return { keeps: (expert: number) => chosen.includes(groupOf(expert)), margin, regret: worst - worstUsed };
}

/** The indices of the `count` largest values, best first, and their distance from the others. The lower index wins a tie. */
function topOf(values: Float64Array, count: number): { chosen: number[]; margin: number } {
  const order = Array.from(values.keys()).sort((a, b) => {
    const [left, right] = [values[a] as number, values[b] as number];
    return left === right ? a - b : right - left;
  });
  const [last, next] = [order[count - 1], order[count]];
  if (last === undefined) throw new Error(`${count} of ${values.length} are asked for`);
  const [worst, other] = [values[last], next === undefined ? undefined : values[next]] as [number, number?];
  const margin = other === undefined ? Number.POSITIVE_INFINITY : worst === other ? 0 : worst - other;
  return { chosen: order.slice(0, count), margin };
}

export function softmax(scores: Float64Array): Float64Array {
  const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = scores.map((z) => Math.exp(z - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
