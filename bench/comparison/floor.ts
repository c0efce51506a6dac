// Bytes that a decode step must read. Divided by the memory bandwidth, they give the least possible time of the step (the
// floor). Assumes 4.5 bits a weight, the router in float32, and keys and values in float16.
import { expertLayers, type ModelConfig } from '../../model/config/model-config.ts';

const WEIGHT_BYTES = 4.5 / 8;

export type FloorShape = Pick<
  ModelConfig,
  | 'hidden'
  | 'layers'
  | 'heads'
  | 'kvHeads'
  | 'headDim'
  | 'experts'
  | 'expertsPerToken'
  | 'inner'
  | 'vocab'
  | 'denseMlp'
  | 'sharedExpert'
>;

/** Bytes that a step of `streams` rows reads if `positions` tokens come before each row. */
export function stepBytes(
  shape: FloorShape,
  { streams, positions }: { streams: number; positions: number },
): number {
  const { hidden, heads, headDim, kvHeads, inner, experts, expertsPerToken, layers, vocab } = shape;
  const attention = hidden * headDim * (2 * heads + 2 * kvHeads);
  const expert = 3 * hidden * inner;
  const chosen = expertsPerToken.reduce((sum, k) => sum + expectedExperts(experts, k, streams), 0);
  const weights = layers * attention + mlpWeights(shape) + chosen * expert + vocab * hidden;
  const router = expertLayers(shape).length * experts * hidden * 4;
  return weights * WEIGHT_BYTES + router + streams * positions * positionBytes(shape);
}

/** Weights of the MLPs that every row uses: those of layers without experts, and shared experts. */
export function mlpWeights(shape: FloorShape): number {
  const { hidden, layers, denseMlp, sharedExpert } = shape;
  const routed = expertLayers(shape).length;
  return 3 * hidden * ((layers - routed) * (denseMlp?.inner ?? 0) + routed * (sharedExpert?.inner ?? 0));
}

/** Bytes of the keys and values of one position in all layers. */
export function positionBytes({ layers, kvHeads, headDim }: FloorShape): number {
  return layers * 2 * kvHeads * headDim * 2;
}

/** Expected number of different experts that `rows` rows choose in a layer if all experts are equally likely. */
function expectedExperts(experts: number, k: number, rows: number): number {
  return experts * (1 - (1 - k / experts) ** rows);
}
