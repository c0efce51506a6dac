// Computes rotary position embeddings: frequencies by scaling rule, and cosines and sines by position.
// Sources: RoFormer (arXiv 2104.09864); YaRN (arXiv 2309.00071); "llama3" as in Llama 3.1's published configuration.

import type { RopeConfig, RopeScaling } from './config-rope.ts';
import { type ModelConfig, rotaryDim } from './model-config.ts';

/** `frequencies [dim / 2]`: radians by which a position turns each pair of a head. `factor`: factor on cosines and sines. */
function rotations(
  dim: number,
  { base, scaling }: RopeConfig,
): { frequencies: Float64Array; factor: number } {
  const frequencies = Float64Array.from({ length: dim / 2 }, (_, i) => base ** ((-2 * i) / dim));
  switch (scaling.type) {
    case 'default':
      return { frequencies, factor: 1 };
    case 'linear':
      return { frequencies: frequencies.map((f) => f / scaling.factor), factor: 1 };
    case 'llama3':
      return { frequencies: frequencies.map((f) => llama3(f, scaling)), factor: 1 };
    case 'yarn':
      return { frequencies: yarn(frequencies, base, scaling), factor: scaling.attentionFactor };
  }
}

type Llama3 = RopeScaling & { type: 'llama3' };

/** Long wavelengths are stretched by the factor, short ones are kept, and those between are blended. */
export function llama3(frequency: number, scaling: Omit<Llama3, 'type'>): number {
  const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
  const turns = (originalContext * frequency) / (2 * Math.PI);
  if (turns < lowFreqFactor) return frequency / factor;
  if (turns >= highFreqFactor) return frequency;
  const kept = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return (1 - kept) * (frequency / factor) + kept * frequency;
}

type Yarn = RopeScaling & { type: 'yarn' };

/** Pairs with over `betaFast` turns in the original context are kept; pairs with under `betaSlow` turns are interpolated. */
function yarn(frequencies: Float64Array, base: number, scaling: Yarn): Float64Array {
  const dim = 2 * frequencies.length;
  const { factor, originalContext, betaFast, betaSlow, truncate } = scaling;
  const pairThatTurns = (times: number) =>
    (dim * Math.log(originalContext / (times * 2 * Math.PI))) / (2 * Math.log(base));
  const round = (value: number, to: (value: number) => number) => (truncate ? to(value) : value);
  const low = Math.max(round(pairThatTurns(betaFast), Math.floor), 0);
  const high = Math.min(round(pairThatTurns(betaSlow), Math.ceil), dim - 1);
  const width = low === high ? 0.001 : high - low;
  return frequencies.map((frequency, pair) => {
    const interpolated = Math.min(Math.max((pair - low) / width, 0), 1);
    return (frequency / factor) * interpolated + frequency * (1 - interpolated);
  });
}

/**
 * The row of a projection with the values of each rotated pair in adjacent rows that is row `row` of the same projection with
 * them half of the `rotary` rows apart. Rows from `rotary` on of each head keep their places.
 */
export function adjacentRow(row: number, { headDim, rotary }: { headDim: number; rotary: number }): number {
  const place = row % headDim;
  if (place >= rotary) return row;
  const half = rotary / 2;
  return row - place + (place < half ? 2 * place : 2 * (place - half) + 1);
}

/** A table of cosines and sines of positions. Each position is computed only once. */
export class RotationTable {
  readonly #half: number;
  readonly #frequencies: Float64Array;
  readonly #factor: number;
  #cos = new Float32Array(0);
  #sin = new Float32Array(0);

  constructor(config: Pick<ModelConfig, 'headDim' | 'rope'>) {
    const dim = rotaryDim(config);
    const { frequencies, factor } = rotations(dim, config.rope);
    this.#half = dim / 2;
    this.#frequencies = frequencies;
    this.#factor = factor;
  }

  /** Fills `count` rows of `cos` and `sin [rows, rotaryDim / 2]`, from row `row` on, for the positions from `start` on. */
  fill(cos: Float32Array, sin: Float32Array, row: number, start: number, count: number): void {
    this.#reach(start + count);
    const from = start * this.#half;
    const to = (start + count) * this.#half;
    cos.set(this.#cos.subarray(from, to), row * this.#half);
    sin.set(this.#sin.subarray(from, to), row * this.#half);
  }

  #reach(positions: number): void {
    const known = this.#cos.length / this.#half;
    if (positions <= known) return;
    const size = Math.max(positions, 2 * known, 256);
    const cos = new Float32Array(size * this.#half);
    const sin = new Float32Array(size * this.#half);
    cos.set(this.#cos);
    sin.set(this.#sin);
    for (let position = known; position < size; position++) {
      for (let pair = 0; pair < this.#half; pair++) {
        const angle = this.#frequencies[pair]! * position;
        cos[position * this.#half + pair] = Math.cos(angle) * this.#factor;
        sin[position * this.#half + pair] = Math.sin(angle) * this.#factor;
      }
    }
    this.#cos = cos;
    this.#sin = sin;
  }
}
