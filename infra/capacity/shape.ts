// The sizes of a model that decide what a step costs. Plain data, so that shapes without a bundle can be sized too.

export interface ModelShape {
  name: string;
  /** All layers, with or without experts. */
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Experts of each layer that has experts. */
  experts: number;
  /** `[layers with experts]`, experts of a token. */
  expertsPerToken: readonly number[];
  /** Inner width of an expert. */
  inner: number;
  /**
   * Multiply-adds of one row in the MLPs that a gateway computes, all layers together: those of layers without experts, and
   * shared experts. Absent: 0.
   */
  mlpWork?: number;
  vocab: number;
  /** Most positions of a sequence. */
  context: number;
  /** Bytes of the weights that a gateway holds, and of one unit. */
  denseBytes: number;
  unitBytes: number;
  /** Bytes of the keys and values of one position, all layers together. */
  positionBytes: number;
}

/** Layers with experts, each of which is a hop. */
export function hopsOf({ expertsPerToken }: ModelShape): number {
  return expertsPerToken.length;
}

/** Experts of a token in an average layer with experts. */
export function meanExpertsPerToken(shape: ModelShape): number {
  return shape.expertsPerToken.reduce((sum, k) => sum + k, 0) / hopsOf(shape);
}

/** Multiply-adds of the dense side for one row, all layers together: q, k, v, o, the router and MLPs. */
export function layersWork(shape: ModelShape): number {
  const { layers, hidden, heads, kvHeads, headDim, experts, mlpWork = 0 } = shape;
  const attention = hidden * headDim * (2 * heads + 2 * kvHeads);
  return layers * attention + hopsOf(shape) * hidden * experts + mlpWork;
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
export function expertBytes(shape: ModelShape): number {
  return hopsOf(shape) * shape.experts * shape.unitBytes;
}
