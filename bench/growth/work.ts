// How much a point of a growth table computes, and whether its time grew faster than that. Pure functions.
import { expertLayers } from '../../model/config/model-config.ts';
import { type FloorShape, mlpWeights } from '../comparison/floor.ts';

/** Multiply-adds of the attention, experts and router of one row, without the scores and sums over earlier tokens. */
function rowWork(shape: FloorShape): number {
  const { hidden, headDim, heads, kvHeads, inner, experts, expertsPerToken, layers } = shape;
  const attention = hidden * headDim * (2 * heads + 2 * kvHeads);
  const router = hidden * experts;
  const chosen = expertsPerToken.reduce((sum, k) => sum + k, 0);
  const fixed = layers * attention + expertLayers(shape).length * router + mlpWeights(shape);
  return fixed + chosen * 3 * hidden * inner;
}

/** Multiply-adds of the scores over `positions` earlier tokens, and of the sum of their values. */
function contextWork({ heads, headDim, layers }: FloorShape, positions: number): number {
  return layers * 2 * heads * headDim * positions;
}

/** Multiply-adds of a decode step: `rows` streams with `positions` tokens before each, and the head for each row. */
export function decodeWork(shape: FloorShape, rows: number, positions: number): number {
  return rows * (rowWork(shape) + contextWork(shape, positions) + shape.hidden * shape.vocab);
}

/** Multiply-adds of `prompts` prompts of `tokens` tokens, up to the first token of each answer. */
export function prefillWork(shape: FloorShape, prompts: number, tokens: number): number {
  const earlier = (tokens * (tokens - 1)) / 2;
  return prompts * (tokens * rowWork(shape) + contextWork(shape, earlier) + shape.hidden * shape.vocab);
}

export interface Effort {
  /** Any unit. */
  work: number;
  time: number;
}

export interface Growth {
  /** Work and time as multiples of the point before. 1 at the first point. */
  work: number;
  time: number;
  /** Whether time grew faster than work. */
  outgrows: boolean;
}

/** Time counts as growing faster than work only beyond this quotient, because measurements vary. */
const NOTICEABLE = 1.15;

export function growthOf(points: readonly Effort[]): Growth[] {
  return points.map(({ work, time }, i) => {
    const before = points[i - 1] ?? { work, time };
    const grown = { work: work / before.work, time: time / before.time };
    return { ...grown, outgrows: grown.time > NOTICEABLE * grown.work };
  });
}
