// Causal attention of the reference, with grouped key/value heads: from rows of all positions to rows of all positions.
//
// Sources: the modeling files of huggingface/transformers 5.24 for each layout, for example modeling_gpt_oss.py (windows, sinks),
// modeling_llama4.py (chunks, layers without rotation, norms without weights, temperature), modeling_hunyuan_v1_moe.py (norms
// after the rotation).
import type { AttentionConfig, ModelConfig } from '../../model/config/model-config.ts';
import type { Rope } from './rope.ts';
import { rotate } from './rope.ts';
import type { Rounding } from './rounding.ts';
import { softmax } from './routing.ts';
import { dot, multiply, rmsNorm, scaled, split } from './rows.ts';
import type { ReferenceLayer } from './weights.ts';

interface AttentionOptions {
  config: ModelConfig;
  /** Number of the layer among all layers. */
  layer: number;
  weights: ReferenceLayer;
  rope: Rope;
  rounding: Rounding;
}

export function attend(rows: Float64Array[], options: AttentionOptions): Float64Array[] {
  const { config, layer, weights, rounding } = options;
  const { heads, kvHeads, headDim, attention = {} } = config;
  const place = `${layer}/attention`;
  const queries: Float64Array[][] = [];
  const keys: Float64Array[][] = [];
  const values: Float64Array[][] = [];
  return rows.map((row, t) => {
    const x = rounding.input(row, `${place}/in`, t, weights.q);
    const q = headsOf(multiply(weights.q, x, weights.qBias), t, weights.qNorm, options);
    const k = headsOf(multiply(weights.k, x, weights.kBias), t, weights.kNorm, options);
    const v = split(multiply(weights.v, x, weights.vBias), headDim);
    queries.push(q.map((query) => scaled(query, temperatureOf(t, layer, attention))));
    keys.push(k.map((key, h) => rounding.kept(key, `${place}/key${h}`, t)));
    values.push(v.map((value, h) => rounding.kept(value, `${place}/value${h}`, t)));

    const seen = Array.from({ length: t + 1 }, (_, s) => s).filter((s) => sees(t, s, layer, attention));
    const mixed = new Float64Array(heads * headDim);
    for (let h = 0; h < heads; h++) {
      const group = Math.floor(h / (heads / kvHeads));
      const query = queries[t]?.[h] as Float64Array;
      const scale = attention.scale ?? 1 / Math.sqrt(headDim);
      const scores = seen.map((s) => dot(query, keys[s]?.[group] as Float64Array) * scale);
      // A sink takes part in the softmax like another score, but has no value.
      const sink = weights.sinks === undefined ? [] : [weights.sinks[h] as number];
      const shares = softmax(Float64Array.of(...scores, ...sink));
      for (const [i, s] of seen.entries()) {
        const value = values[s]?.[group] as Float64Array;
        for (let d = 0; d < headDim; d++)
          mixed[h * headDim + d]! += (shares[i] as number) * (value[d] as number);
      }
    }
    return multiply(weights.o, rounding.input(mixed, `${place}/out`, t, weights.o), weights.oBias);
  });
}

/** Splits a projection into heads, and applies norms and rotation in the model's order. */
function headsOf(
  projected: Float64Array,
  position: number,
  norm: Float64Array | undefined,
  { config, layer, rope }: AttentionOptions,
): Float64Array[] {
  const { headDim, qkNorm, normEps, attention = {} } = config;
  const isRotated = attention.unrotated?.[layer] !== 1;
  const whole = norm && qkNorm === 'projection' ? rmsNorm(projected, norm, normEps) : projected;
  const normed = (head: Float64Array) => (norm && qkNorm === 'head' ? rmsNorm(head, norm, normEps) : head);
  const rotated = (head: Float64Array) => (isRotated ? rotate(head, position, rope) : head);
  return split(whole, headDim).map((head) => {
    const turned = attention.normLast ? normed(rotated(head)) : rotated(normed(head));
    return attention.unitNorm && isRotated ? rmsNorm(turned, undefined, normEps) : turned;
  });
}

/** Whether position `t` attends to position `s`. A window of W positions contains its own. */
function sees(t: number, s: number, layer: number, { windows, chunks }: AttentionConfig): boolean {
  const window = windows?.[layer] ?? 0;
  const chunk = chunks?.[layer] ?? 0;
  if (s > t) return false;
  if (window > 0 && s <= t - window) return false;
  return chunk === 0 || Math.floor(s / chunk) === Math.floor(t / chunk);
}

/** The factor on the queries of a position. Only layers without rotation have it. */
function temperatureOf(position: number, layer: number, { temperature, unrotated }: AttentionConfig): number {
  if (temperature === undefined || unrotated?.[layer] !== 1) return 1;
  return 1 + temperature.scale * Math.log(1 + Math.floor((position + 1) / temperature.floor));
}
