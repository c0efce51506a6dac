// How one layout names and stores the tensors of a model. Each layout is a row of the table in layouts.ts.
import type { ModelConfig } from '../../config/model-config.ts';
import type { MatrixPart } from '../storage/logical.ts';
import type { RowMap } from '../storage/read-strip.ts';

/** A part of a canonical name, and its replacement in the checkpoint. */
export type Renaming = readonly [canonical: string, source: string];

/** Where a canonical tensor may be: the whole tensor of this name, or rows of it, or an item of a stack. */
export interface SourceView {
  name: string;
  /** Selects a matrix of the tensor. Absent: the tensor is the matrix or vector itself. */
  part?: MatrixPart;
  /** Rows of the part. */
  rows?: RowMap;
  /** Shape that the whole tensor must have. */
  shape: readonly number[];
}

/** One matrix of an expert or MLP that the checkpoint stores together with others. */
export interface StackedName {
  name: string;
  /** The rows of the named tensor that are this matrix. */
  rows: (inner: number) => RowMap;
  /** Rows of the named tensor for each row of the matrix: 2 if gate and up are in one tensor. */
  times: number;
}

export interface TensorLayout {
  renamed: readonly Renaming[];
  /** What the names of the model's tensors may begin with. Default: nothing. */
  prefixes?: readonly string[];
  /**
   * The stacks of all experts of a layer: `[experts, rows, inputs]`, or `[experts, inputs, rows]` if `transposed`. Without
   * `transposed`, the shape decides. The name follows that of the experts, such as `model.layers.0.mlp.experts`.
   */
  stacked?: {
    gate: StackedName;
    up: StackedName;
    down: StackedName;
    transposed?: boolean;
  };
  /** Names of biases of experts in stacks `[experts, rows]`. */
  stackedBiases?: { gate: StackedName; up: StackedName; down: StackedName };
  /** Tensors of the layer, by the end of their canonical name, that are rows of one tensor. */
  fused?(config: ModelConfig): Readonly<Record<string, { name: string; first: number; rows: number }>>;
  /** Whether the two values of a rotated pair are in adjacent rows of q and k. */
  adjacentPairs?: boolean;
  /** Whether the model does not need a tensor of this name. */
  isSpare?(name: string, config: ModelConfig): boolean;
}

const gateUp = (name: string): Pick<NonNullable<TensorLayout['stacked']>, 'gate' | 'up'> => ({
  gate: { name, rows: () => ({}), times: 2 },
  up: { name, rows: (inner) => ({ first: inner }), times: 2 },
});

/** Stacks with the rows of gate before those of up. */
export function stackedAs(gateUpName: string, downName: string) {
  return { ...gateUp(gateUpName), down: { name: downName, rows: () => ({}), times: 1 } };
}

/** Stacks in which the rows of gate and up alternate. */
export function alternatingAs(gateUpName: string, downName: string) {
  return {
    gate: { name: gateUpName, rows: () => ({ step: 2 }), times: 2 },
    up: { name: gateUpName, rows: () => ({ first: 1, step: 2 }), times: 2 },
    down: { name: downName, rows: () => ({}), times: 1 },
  };
}
