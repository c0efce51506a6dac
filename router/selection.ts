// Turns the router's scores into chosen experts and their weights, by the checkpoint's rule. Pure.
//
// Worked example: 4 experts, k = 1, softmax not renormalised, scores [0, ln 3, 0, 0] of one row:
//   experts = [1], weights = [0.5]          // 3 / (1 + 3 + 1 + 1)
import type { Assignment } from './routing/assignment.ts';
import type { PerToken } from './routing/request-routing.ts';
import type { RowLimits } from './routing/row-routing.ts';

/** A row that may take a further expert takes it if its weight is at least this share of the weight of the row's first expert. */
export const UNSURE_SHARE = 0.5;

/** The rule of one layer, read from the checkpoint by model/config/config.ts. */
export interface RoutingRule {
  score: 'softmax' | 'sigmoid';
  /** Whether the chosen weights are divided by their sum. */
  renormalise: boolean;
  /** Whether `renormalise` also applies at k = 1. Absent: for `softmax`, and not for `sigmoid`. */
  renormaliseOne?: boolean;
  /** Factor of every weight, applied last. */
  scale: number;
  /** `[experts]`, added to the sigmoids or probabilities when experts are chosen. Does not change the weights. */
  bias?: Float32Array;
  /** Only experts of the `kept` best of `count` equal groups are chosen. A group's key is the sum of its 2 best experts' keys. */
  groups?: { count: number; kept: number };
  /** Whether the weight multiplies the expert's input in place of its answer. Requires k = 1. */
  weighsInput?: true;
  /**
   * The experts are this many equal groups of consecutive experts, and each row takes the best expert of every group. Weights are
   * softmaxes within the groups. Requires `softmax` without bias, groups or renormalisation, and k equal to this number.
   */
  prototypes?: number;
  k: number;
}

/**
 * How many experts of a token a request may ask for. More experts than the kept groups have cannot be chosen. Prototypes have one
 * expert each. A row has only one input, so it has only one expert if the weight multiplies the input.
 */
export function perTokenOf(
  { weighsInput, groups, prototypes }: Pick<RoutingRule, 'weighsInput' | 'groups' | 'prototypes'>,
  experts: number,
): PerToken {
  if (weighsInput) return { least: 1, most: 1 };
  if (prototypes !== undefined) return { least: prototypes, most: prototypes };
  return { least: 1, most: groups === undefined ? experts : (experts / groups.count) * groups.kept };
}

/**
 * Chooses experts by the raw `scores [rows, experts]`. If scores are equal, the expert with the lower number comes first. Weights
 * are computed in double precision and rounded to float32 once. Each row gets `rule.k` experts, or a number within its `limits`.
 * `onBroken` gets each row with a score that is not finite, and the row's scores are then set to 0. Without `onBroken`, such a score throws.
 */
export function select(
  scores: Float32Array,
  experts: number,
  rule: RoutingRule,
  limits?: RowLimits,
  onBroken?: OnBroken,
): Assignment {
  if (rule.prototypes !== undefined) {
    for (let from = 0; from < scores.length; from += experts) requireFinite(scores, from, experts, onBroken);
    return selectPrototypes(scores, experts, rule, rule.prototypes);
  }
  const rows = scores.length / experts;
  if (!Number.isInteger(rows)) throw new RangeError(`${scores.length} scores are not rows of ${experts}`);
  if (rule.bias !== undefined && rule.bias.length !== experts) {
    throw new RangeError(`the selection bias has ${rule.bias.length} entries for ${experts} experts`);
  }
  requireCount(rule.k, experts);
  const most = limits?.most.reduce((sum, k) => sum + k, 0) ?? rows * rule.k;
  const assignment = { k: rule.k, experts: new Uint16Array(most), weights: new Float32Array(most) };
  const keys = comparesRaw(rule) ? undefined : new Float64Array(experts);
  const starts = limits && new Uint32Array(rows + 1);
  const chosen: number[] = new Array(rule.k).fill(0);
  for (let row = 0, at = 0; row < rows; row++) {
    const of = { scores, from: row * experts, experts };
    requireFinite(scores, of.from, experts, onBroken);
    if (limits !== undefined) {
      requireCount(limits.most[row]!, experts);
      chosen.length = limits.most[row]!;
    }
    if (keys === undefined) choose(scores, of.from, experts, chosen);
    else {
      fillKeys(keys, of, rule);
      choose(keys, 0, experts, chosen);
    }
    if (limits !== undefined) chosen.length = taken(of, rule, chosen, limits.least[row]!);
    weigh(of, rule, chosen, assignment.weights, at);
    for (let rank = 0; rank < chosen.length; rank++) assignment.experts[at + rank] = chosen[rank]!;
    at += chosen.length;
    if (starts !== undefined) starts[row + 1] = at;
  }
  return starts === undefined ? assignment : withStarts(assignment, starts);
}

function requireCount(k: number, experts: number): void {
  if (Number.isInteger(k) && k >= 1 && k <= experts) return;
  throw new RangeError(`cannot choose ${k} of ${experts} experts`);
}

/** The assignment of rows that begin at `starts [rows + 1]`, without its unused memory, and without `starts` if all rows have k experts. */
function withStarts({ experts, weights }: Assignment, starts: Uint32Array): Assignment {
  const rows = starts.length - 1;
  const slots = starts[rows]!;
  let k = 0;
  for (let row = 0; row < rows; row++) k = Math.max(k, starts[row + 1]! - starts[row]!);
  const used = { k, experts: experts.slice(0, slots), weights: weights.slice(0, slots) };
  return slots === rows * k ? used : { ...used, starts };
}

/** How many of the chosen experts the row takes: at least `least`, and more while their weights are close to that of the first one. */
function taken(
  { scores, from }: Row,
  { score }: RoutingRule,
  chosen: readonly number[],
  least: number,
): number {
  let count = least;
  const isSoftmax = score === 'softmax';
  const first = scores[from + chosen[0]!]!;
  const enough = UNSURE_SHARE * rawWeight(isSoftmax, first, first);
  while (count < chosen.length && rawWeight(isSoftmax, scores[from + chosen[count]!]!, first) >= enough)
    count++;
  return count;
}

/** Each prototype of each row is selected like a row of its own, of which one expert is chosen. */
function selectPrototypes(
  scores: Float32Array,
  experts: number,
  rule: RoutingRule,
  prototypes: number,
): Assignment {
  const size = experts / prototypes;
  if (!Number.isInteger(size)) throw new RangeError(`${experts} experts are not ${prototypes} prototypes`);
  if (rule.k !== prototypes) throw new RangeError(`cannot choose ${rule.k} of ${prototypes} prototypes`);
  const chosen = select(scores, size, ofPrototype(rule));
  for (let i = 0; i < chosen.experts.length; i++) chosen.experts[i]! += (i % prototypes) * size;
  return { ...chosen, k: prototypes };
}

/** The rule by which the expert of one prototype is chosen. */
function ofPrototype({ prototypes: _, ...rule }: RoutingRule): RoutingRule {
  return { ...rule, k: 1 };
}

/**
 * Multiplies the rows `x [rows, hidden]` by their weights, in place, and returns the assignment with weights of 1. For rules with
 * `weighsInput`. Throws if rows have several experts, because a row has only one input.
 */
export function weighInputs(
  x: Float32Array,
  hidden: number,
  { k, experts, weights }: Assignment,
): Assignment {
  if (k !== 1) throw new RangeError(`weights cannot multiply the input of ${k} experts`);
  for (const [row, weight] of weights.entries()) {
    for (let i = row * hidden; i < (row + 1) * hidden; i++) x[i] = x[i]! * weight;
  }
  return { k, experts, weights: new Float32Array(weights.length).fill(1) };
}

/** All experts by one row's `scores [experts]`, best first, by a rule without prototypes. Each has the weight that it would have in place of a chosen expert. */
export function rank(scores: Float32Array, rule: RoutingRule): { expert: number; weight: number }[] {
  const all = select(scores, scores.length, { ...rule, k: scores.length, renormalise: false });
  const weights = [...all.weights];
  const shared = dividesBySum(rule, rule.k);
  const chosen = weights.slice(0, rule.k).reduce((sum, weight) => sum + weight, 0);
  const divisor = shared && chosen > 0 ? chosen / rule.scale : 1;
  // The row's input has been multiplied by the weight already.
  const weightOf = (weight: number) => (rule.weighsInput ? 1 : weight / divisor);
  return weights.map((weight, i) => ({ expert: all.experts[i]!, weight: weightOf(weight) }));
}

/**
 * The experts that may take the place of `expert` in a row with these scores, best first: all experts, or those of its prototype.
 * `expert` is one of them.
 */
export function standIns(
  scores: Float32Array,
  rule: RoutingRule,
  expert: number,
): { expert: number; weight: number }[] {
  if (rule.prototypes === undefined) return rank(scores, rule);
  const size = scores.length / rule.prototypes;
  const from = expert - (expert % size);
  const ranked = rank(scores.subarray(from, from + size), ofPrototype(rule));
  return ranked.map((each) => ({ ...each, expert: from + each.expert }));
}

/** Softmax keeps the order of the scores, so the raw scores are compared if nothing is added to the probabilities. */
function comparesRaw({ score, bias, groups }: RoutingRule): boolean {
  return score === 'softmax' && bias === undefined && groups === undefined;
}

function dividesBySum({ renormalise, renormaliseOne, score }: RoutingRule, k: number): boolean {
  return renormalise && (k > 1 || (renormaliseOne ?? score === 'softmax'));
}

interface Row {
  scores: Float32Array;
  /** Index of the row's first score. */
  from: number;
  experts: number;
}

/** Fills `keys` with what decides which of the row's experts are chosen. Experts of groups that are not kept get -infinity. */
function fillKeys(
  keys: Float64Array,
  { scores, from, experts }: Row,
  { score, bias, groups }: RoutingRule,
): void {
  if (score === 'sigmoid') {
    for (let expert = 0; expert < experts; expert++) keys[expert] = sigmoid(scores[from + expert]!);
  } else {
    const largest = largestScore(scores, from, experts);
    let sum = 0;
    for (let expert = 0; expert < experts; expert++) {
      keys[expert] = Math.exp(scores[from + expert]! - largest);
      sum += keys[expert]!;
    }
    for (let expert = 0; expert < experts; expert++) keys[expert]! /= sum;
  }
  if (bias !== undefined) for (let expert = 0; expert < experts; expert++) keys[expert]! += bias[expert]!;
  if (groups !== undefined) dropGroups(keys, groups);
}

function largestScore(scores: Float32Array, from: number, experts: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = from; i < from + experts; i++) largest = Math.max(largest, scores[i]!);
  return largest;
}

/** Sets the keys of all groups but the `kept` best to -infinity. Of groups with equal keys, the one with the lower number is kept. */
function dropGroups(keys: Float64Array, { count, kept }: NonNullable<RoutingRule['groups']>): void {
  const size = keys.length / count;
  const sums = new Float64Array(count);
  const best = [0, 0];
  for (let group = 0; group < count; group++) {
    choose(keys, group * size, size, best);
    sums[group] = keys[group * size + best[0]!]! + keys[group * size + best[1]!]!;
  }
  const chosen: number[] = new Array(kept).fill(0);
  choose(sums, 0, count, chosen);
  for (let group = 0; group < count; group++) {
    if (!chosen.includes(group)) keys.fill(Number.NEGATIVE_INFINITY, group * size, (group + 1) * size);
  }
}

type OnBroken = (row: number) => void;

/** A row's scores are the `experts` numbers that begin at index `from`. */
function requireFinite(scores: Float32Array, from: number, experts: number, onBroken?: OnBroken): void {
  const row = from / experts;
  for (let expert = 0; expert < experts; expert++) {
    const score = scores[from + expert]!;
    if (Number.isFinite(score)) continue;
    if (onBroken === undefined)
      throw new RangeError(`the router's score of row ${row} for expert ${expert} is ${score}`);
    onBroken(row);
    scores.fill(0, from, from + experts);
    return;
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

/** Writes the weights of one row's `chosen` experts to `weights`, from index `at` on. */
function weigh(
  { scores, from, experts }: Row,
  rule: RoutingRule,
  chosen: readonly number[],
  weights: Float32Array,
  at: number,
): void {
  const isSoftmax = rule.score === 'softmax';
  // `exp(score - largest)` cannot overflow. If the raw scores decided, the first chosen expert has the largest; sigmoids need none.
  const isFirst = !isSoftmax || comparesRaw(rule);
  const largest = isFirst ? scores[from + chosen[0]!]! : largestScore(scores, from, experts);
  let divisor = 1;
  if (dividesBySum(rule, chosen.length)) {
    divisor = 0;
    for (const expert of chosen) divisor += rawWeight(isSoftmax, scores[from + expert]!, largest);
  } else if (isSoftmax) {
    divisor = 0;
    for (let i = from; i < from + experts; i++) divisor += Math.exp(scores[i]! - largest);
  }
  // If the sigmoids of very low scores are all 0, the weights are 0 too.
  for (let rank = 0; rank < chosen.length; rank++) {
    const raw = rawWeight(isSoftmax, scores[from + chosen[rank]!]!, largest);
    weights[at + rank] = divisor === 0 ? 0 : (raw / divisor) * rule.scale;
  }
}

function rawWeight(isSoftmax: boolean, score: number, largest: number): number {
  return isSoftmax ? Math.exp(score - largest) : sigmoid(score);
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
