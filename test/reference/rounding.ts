// The roundings of a device that the reference repeats: of activations to int8, and of keys and values to float16.
import { roundToFloat16 } from './float16.ts';
import { roundToInt8 } from './int8.ts';
import type { ReferenceMatrix } from './weights.ts';

/** An activation, key or value so near to a tie that a float32 device may round it to the other int8 or float16. */
export interface NearTie {
  /** `layer/input/position/index`; the same in every run. */
  name: string;
  position: number;
  /** Distance from the tie, in rounding steps. */
  distance: number;
}

export interface RoundingOptions {
  /** `int8`: the input rows of quantised matrices are rounded to int8 first (test/reference/int8.ts). */
  activations?: 'float' | 'int8';
  /** `float16`: keys and values are kept in float16. */
  keyValues?: 'float' | 'float16';
  /** Names of near ties that are rounded the other way. */
  flips?: ReadonlySet<string>;
  /** Factor on the distance from a tie at which it is reported. Default: 1. */
  reach?: number;
}

export interface Rounding {
  /** Rounds a row as a device does before it multiplies by `matrix`. `place` names the row, which several matrices may share. */
  input(row: Float64Array, place: string, position: number, matrix: ReferenceMatrix): Float64Array;
  /** Rounds a key or value as the KV cache does. */
  kept(row: Float64Array, place: string, position: number): Float64Array;
  nearTies(): NearTie[];
}

export function roundingOf({
  activations = 'float',
  keyValues = 'float',
  flips = new Set(),
  reach = 1,
}: RoundingOptions): Rounding {
  // Several matrices may share an input, so each of them reports the input's near ties. Only one report is kept.
  const found = new Map<string, NearTie>();
  const rounded = (round: typeof roundToInt8, row: Float64Array, place: string, position: number) => {
    const prefix = `${place}/${position}/`;
    const flipped = new Set<number>();
    for (const name of flips) if (name.startsWith(prefix)) flipped.add(Number(name.slice(prefix.length)));
    const { values, nearTies } = round(row, flipped, reach);
    for (const { index, distance } of nearTies) {
      const name = prefix + index;
      found.set(name, { name, position, distance });
    }
    return values;
  };
  return {
    input(row, place, position, matrix) {
      if (activations === 'float' || !matrix.quantised) return row;
      return rounded(roundToInt8, row, place, position);
    },
    kept(row, place, position) {
      return keyValues === 'float' ? row : rounded(roundToFloat16, row, place, position);
    },
    nearTies: () => [...found.values()],
  };
}
