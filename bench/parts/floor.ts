// The least possible time of a decode step on a machine: the bytes that it must read divided by the memory bandwidth. Assumes 4.5 bits
// a weight, the router in float32, keys and values in float16.
import type { ModelConfig } from '../../model/config/config.ts';

const WEIGHT_BYTES = 4.5 / 8;

export type FloorShape = Pick<
  ModelConfig,
  'hidden' | 'layers' | 'heads' | 'kvHeads' | 'headDim' | 'experts' | 'expertsPerToken' | 'inner' | 'vocab'
>;

/** Bytes that one step of `streams` rows reads, each row after `positions` tokens. */
export function stepBytes(
  shape: FloorShape,
  { streams, positions }: { streams: number; positions: number },
): number {
  const { hidden, heads, headDim, kvHeads, inner, experts, expertsPerToken, layers, vocab } = shape;
  const attention = hidden * headDim * (2 * heads + 2 * kvHeads);
  const expert = 3 * hidden * inner;
  const chosen = expertsPerToken.reduce((sum, k) => sum + expectedExperts(experts, k, streams), 0);
  const weights = layers * attention + chosen * expert + vocab * hidden;
  const router = layers * experts * hidden * 4;
  return weights * WEIGHT_BYTES + router + streams * positions * positionBytes(shape);
}

/** Keys and values of one position, all layers, float16. */
export function positionBytes({ layers, kvHeads, headDim }: FloorShape): number {
  return layers * 2 * kvHeads * headDim * 2;
}

/** Number of different experts of a layer that `rows` rows choose if all experts are equally likely. */
function expectedExperts(experts: number, k: number, rows: number): number {
  return experts * (1 - (1 - k / experts) ** rows);
}
