// Samples a token from a row of logits: penalties, constraint, temperature, filters and one random number. Pure, except that
// it changes the row in place.
import type { DrawSettings, TokenPicker } from '../../../model/devices/host-kernels.ts';
import type { Constraint } from '../../constraints/masks/constraint.ts';
import type { SamplingSettings, TokenLogprob } from '../messages.ts';
import { uniform } from './random.ts';

interface SampleInput {
  /** `[vocab]`; overwritten. */
  logits: Float32Array;
  settings: SamplingSettings;
  /** The token's position in the sequence. It selects the random number. */
  position: number;
  /** How often the answer contains each id so far. */
  generated: ReadonlyMap<number, number>;
  /** Ids of prompt and answer. */
  seen: ReadonlySet<number>;
  constraint?: Constraint;
  /** Ids that must not come yet, unless the constraint allows no other id. */
  barred?: readonly number[];
  /** Default: `plainPicker`. */
  picker?: TokenPicker;
  /** Number of alternatives to report. Undefined: no log-probabilities. */
  logprobs?: number;
}

export interface Sampled {
  id: number;
  /** In the model's own distribution, before penalties, bias and temperature. */
  logprob?: number;
  top?: TokenLogprob[];
}

export function sample(input: SampleInput): Sampled {
  const { logits, settings, position, constraint, picker = plainPicker, logprobs } = input;
  const model = logprobs === undefined ? undefined : describe(logits, logprobs);
  adjust(input);
  constraint?.allow(logits);
  bar(logits, input.barred);
  const id =
    settings.temperature === 0
      ? picker.likeliest(logits)
      : picker.draw(logits, settings, uniform(settings.seed, settings.choice, position));
  return model === undefined ? { id } : { id, logprob: model.logprobOf(id), top: model.top };
}

/** Excludes the ids. If the constraint allows no other id, it takes precedence: no id is excluded. */
function bar(logits: Float32Array, ids: readonly number[] = []): void {
  if (ids.length === 0) return;
  const before = ids.map((id) => logits[id]!);
  for (const id of ids) logits[id] = Number.NEGATIVE_INFINITY;
  if (logits.some((logit) => logit > Number.NEGATIVE_INFINITY)) return;
  for (const [i, id] of ids.entries()) logits[id] = before[i]!;
}

/** Applies penalties and bias to the logits: repetition as in CTRL (arXiv 1909.05858), the others as OpenAI defines them. */
function adjust({ logits, settings, generated, seen }: SampleInput): void {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, logitBias } = settings;
  if (repetitionPenalty !== 1) {
    for (const id of seen) {
      const logit = logits[id]!;
      logits[id] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    }
  }
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    for (const [id, count] of generated) logits[id]! -= presencePenalty + frequencyPenalty * count;
  }
  for (const [id, bias] of logitBias) logits[id]! += bias;
}

/** The reference picker, in plain JavaScript. Tests compare the native picker with it. */
export const plainPicker: TokenPicker = { likeliest, draw };

/** The id of the highest logit; among equals the lowest id. NaN never wins. */
function likeliest(logits: Float32Array): number {
  let best = -1;
  let highest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    if (logits[id]! > highest) {
      highest = logits[id]!;
      best = id;
    }
  }
  if (best < 0) throw new Error('no token has a finite logit');
  return best;
}

/**
 * The first id at which the cumulative weight of the kept ids passes the share `u` of their total. The filters are applied in
 * vLLM's order: min_p relative to the likeliest id, then top_k, then top_p of the remaining ids. Of ids with equal weights, the
 * lower id is kept.
 */
function draw(logits: Float32Array, { temperature, topP, topK, minP }: DrawSettings, u: number): number {
  const highest = logits[likeliest(logits)]!;
  const weights = new Float64Array(logits.length);
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    const weight = Math.exp((logits[id]! - highest) / temperature);
    if (!(weight >= minP)) continue;
    weights[id] = weight;
    total += weight;
  }
  if ((topK > 0 && topK < logits.length) || topP < 1) {
    const kept = likeliestFirst(weights, total, topK === 0 ? weights.length : topK, topP).sort(
      (a, b) => a - b,
    );
    const all = weights.slice();
    weights.fill(0);
    total = 0;
    for (const id of kept) {
      weights[id] = all[id]!;
      total += all[id]!;
    }
  }
  const target = u * total;
  let sum = 0;
  let last = -1;
  for (let id = 0; id < weights.length; id++) {
    if (weights[id] === 0) continue;
    sum += weights[id]!;
    last = id;
    if (sum > target) return id;
  }
  return last; // rounding put the target slightly above the sum
}

/** The top_k likeliest ids, cut where their cumulative weight reaches top_p of the weight of all k. */
function likeliestFirst(weights: Float64Array, total: number, topK: number, topP: number): number[] {
  // Sorting the whole vocabulary is slow, and nearly always a few likely ids suffice.
  for (const least of [1e-2, 1e-4, 1e-6, 0]) {
    const ids: number[] = [];
    let weight = 0;
    for (let id = 0; id < weights.length; id++) {
      if (weights[id]! > 0 && weights[id]! >= least) {
        ids.push(id);
        weight += weights[id]!;
      }
    }
    const limited = topK < weights.length;
    if (least > 0 && (limited ? ids.length < topK : weight < topP * total)) continue;
    ids.sort((a, b) => weights[b]! - weights[a]! || a - b);
    if (ids.length > topK) ids.length = topK;
    const top = limited ? ids.reduce((sum, id) => sum + weights[id]!, 0) : total;
    let sum = 0;
    const cut = ids.findIndex((id) => {
      sum += weights[id]!;
      return sum >= topP * top;
    });
    return cut < 0 ? ids : ids.slice(0, cut + 1);
  }
  throw new Error('unreachable: the last threshold takes every id');
}

/** The distribution of a row of logits and its `count` likeliest ids. Later changes of the row do not affect it. */
export function describe(
  logits: Float32Array,
  count: number,
): { logprobOf(id: number): number; rankOf(id: number): number; top: TokenLogprob[] } {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > highest) highest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  const norm = highest + Math.log(sum);
  const original = logits.slice();
  return {
    logprobOf: (id) => original[id]! - norm,
    rankOf: (id) => original.reduce((rank, logit) => (logit > original[id]! ? rank + 1 : rank), 1),
    top: largest(logits, count, norm),
  };
}

function largest(logits: Float32Array, count: number, norm: number): TokenLogprob[] {
  const top: TokenLogprob[] = [];
  for (let id = 0; id < logits.length && count > 0; id++) {
    const logprob = logits[id]! - norm;
    if (top.length === count && !(logprob > top[count - 1]!.logprob)) continue;
    const at = top.findIndex((entry) => logprob > entry.logprob);
    top.splice(at < 0 ? top.length : at, 0, { id, logprob });
    if (top.length > count) top.pop();
  }
  return top;
}
