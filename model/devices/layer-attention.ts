// What attention does in each layer of a model, for all devices. Pure.
import { type ModelConfig, rotaryDim } from '../config/model-config.ts';
import type { Rows, Span } from './dense.ts';

/** Attention in one layer. Numbers are 0 where the layer has no such limit. */
export interface LayerAttention {
  /** Factor on the scores. */
  scale: number;
  /** Number of values of a head that are rotated. */
  rotary: number;
  /** Whether the norms of q and k follow the rotation. */
  normLast: boolean;
  /** Whether q and k have a norm without weights. */
  unitNorm: boolean;
  /** Positions up to and including its own that a position attends to. */
  window: number;
  /** Length of the chunks within which positions attend. */
  chunk: number;
  /** How queries grow with their position; undefined if they do not. */
  temperature: { floor: number; scale: number } | undefined;
}

export function layerAttention(config: ModelConfig, layer: number): LayerAttention {
  const { headDim, attention = {} } = config;
  const isRotated = attention.unrotated?.[layer] !== 1;
  return {
    scale: attention.scale ?? 1 / Math.sqrt(headDim),
    rotary: isRotated ? rotaryDim(config) : 0,
    normLast: attention.normLast === true || attention.unitNorm === true,
    unitNorm: attention.unitNorm === true && isRotated,
    window: attention.windows?.[layer] ?? 0,
    chunk: attention.chunks?.[layer] ?? 0,
    temperature: isRotated ? undefined : attention.temperature,
  };
}

/** The first position that position `position` attends to. */
export function firstAttended(
  position: number,
  { window, chunk }: Pick<LayerAttention, 'window' | 'chunk'>,
): number {
  const first = window === 0 ? 0 : Math.max(0, position - window + 1);
  return chunk === 0 ? first : Math.max(first, position - (position % chunk));
}

/** Multiplies the queries `[rows, width]` by the factors of their positions, in place. */
export function heatQueries(
  queries: Rows,
  width: number,
  spans: readonly Span[],
  { floor, scale }: NonNullable<LayerAttention['temperature']>,
): void {
  let row = 0;
  for (const { start, count } of spans) {
    for (let position = start; position < start + count; position++, row++) {
      const factor = 1 + scale * Math.log1p(Math.floor((position + 1) / floor));
      if (factor === 1) continue;
      for (let i = row * width; i < (row + 1) * width; i++) queries[i] = queries[i]! * factor;
    }
  }
}

/** Multiplies all values by `factor`, in place. */
export function scaleBy(values: Rows, factor: number): void {
  if (factor === 1) return;
  for (let i = 0; i < values.length; i++) values[i] = values[i]! * factor;
}
