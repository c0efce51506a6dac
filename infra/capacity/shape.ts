// The sizes of a model that decide what a step costs. Plain data, so that shapes without a bundle can be sized too.

export interface ModelShape {
  name: string;
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Experts of each layer. */
  experts: number;
  /** `[layers]`, experts of a token. */
  expertsPerToken: readonly number[];
  /** Inner width of an expert. */
  inner: number;
  vocab: number;
  /** Most positions of a sequence. */
  context: number;
  /** Bytes of the weights that a gateway holds, and of one unit. */
  denseBytes: number;
  unitBytes: number;
  /** Bytes of the keys and values of one position, all layers together. */
  positionBytes: number;
}

/** Experts of a token in an average layer. */
export function meanExpertsPerToken({ expertsPerToken, layers }: ModelShape): number {
  return expertsPerToken.reduce((sum, k) => sum + k, 0) / layers;
}

/** Multiply-adds of the dense side for one row of one layer: q, k, v, o and the router. */
export function layerWork({ hidden, heads, kvHeads, headDim, experts }: ModelShape): number {
  return hidden * headDim * (2 * heads + 2 * kvHeads) + hidden * experts;
}

/** Multiply-adds of the head for one row. */
export function headWork({ hidden, vocab }: ModelShape): number {
  return hidden * vocab;
}

/** Multiply-adds of one row on one expert. */
export function expertWork({ hidden, inner }: ModelShape): number {
  return 3 * hidden * inner;
}

/** Multiply-adds of one row over one earlier position, all layers together. */
export function positionWork({ layers, heads, headDim }: ModelShape): number {
  return layers * 2 * heads * headDim;
}

/** Bytes of all experts of all layers. */
export function expertBytes({ layers, experts, unitBytes }: ModelShape): number {
  return layers * experts * unitBytes;
}
