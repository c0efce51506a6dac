// The whole forward pass of a Mixture-of-Experts language model in float64 and plain loops. It takes a sequence and returns the
// logits of every position. It is written to be compared with the papers, not to be fast.
import type { ModelConfig } from '../../model/config/config.ts';
import { attend } from './attention.ts';
import { type Capacity, Takers } from './capacity.ts';
import { mlp, routed } from './mlp.ts';
import { ropeOf } from './rope.ts';
import { type NearTie, type RoundingOptions, roundingOf } from './rounding.ts';
import type { Choice } from './routing.ts';
import { add, multiply, rmsNorm, rowOf, scaled } from './rows.ts';
import type { ReferenceWeights } from './weights.ts';

export interface ForwardOptions extends RoundingOptions {
  config: ModelConfig;
  weights: ReferenceWeights;
  ids: readonly number[];
  /** Number of experts of a position, by all of its experts in order. Absent: the checkpoint's number. */
  countOf?: (all: Choice, place: { hop: number; position: number }) => number;
  /** `[layer with experts][position]`, experts to use instead of the reference's own choice. */
  forcedExperts?: readonly (readonly (readonly number[] | undefined)[])[];
  /** Default: experts take all rows. */
  capacity?: Capacity;
}

export interface ForwardResult {
  /** `[positions][vocab]` */
  logits: Float64Array[];
  /** `[layers with experts][positions]` */
  routing: Choice[][];
  /** Number of a row's experts that did not take it, of all layers and rows. */
  dropped: number;
  nearTies: NearTie[];
}

export function forward(options: ForwardOptions): ForwardResult {
  const { config, weights, ids, forcedExperts, countOf, capacity } = options;
  const { normEps, multipliers = { embedding: 1, residual: 1, logits: 1 } } = config;
  const rounding = roundingOf(options);
  const rope = ropeOf(config);
  const routing: Choice[][] = [];
  const takers = new Takers(capacity);
  let hidden = ids.map((id) => scaled(rowOf(weights.embedding, id), multipliers.embedding));
  weights.layers.forEach((layer, l) => {
    const normed = hidden.map((row) => rmsNorm(row, layer.inputNorm, normEps));
    const attended = attend(normed, { config, layer: l, weights: layer, rope, rounding });
    const residual = hidden.map((row, t) => add(row, attended[t] as Float64Array, multipliers.residual));
    const inputs = residual.map((row) => rmsNorm(row, layer.postNorm, normEps));
    const { dense, routed: experts } = layer;
    if (dense !== undefined) {
      const places = { in: `${l}/mlp/in`, inner: `${l}/mlp/inner` };
      hidden = residual.map((row, position) => {
        const answer = mlp(inputs[position] as Float64Array, dense, { position, rounding, places });
        return add(row, answer, multipliers.residual);
      });
    }
    if (experts !== undefined) {
      const hop = routing.length;
      const own = config.expertsPerToken[hop] ?? 1;
      const takesRow = takers.ofLayer(own, config.experts);
      const answers = inputs.map((x, position) => {
        const forced = forcedExperts?.[hop]?.[position];
        const takes = (expert: number) => takesRow(position, expert);
        const k = countOf === undefined ? own : (all: Choice) => countOf(all, { hop, position });
        return routed(x, experts, { config, layer: l, k, position, rounding, forced, takes });
      });
      hidden = residual.map((row, t) => add(row, answers[t]?.added as Float64Array));
      routing.push(answers.map(({ choice }) => choice));
    }
  });
  const logits = hidden.map((row, t) => {
    const normed = rmsNorm(row, weights.finalNorm, normEps);
    return scaled(
      multiply(weights.head, rounding.input(normed, 'head', t, weights.head)),
      multipliers.logits,
    );
  });
  return { logits, routing, dropped: takers.dropped, nearTies: rounding.nearTies() };
}
