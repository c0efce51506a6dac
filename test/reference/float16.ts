// Rounds rows to float16, half to even, as the KV cache rounds keys and values.
//
// As with int8 (int8.ts), the value of a float32 device differs from the float64 value in its last bits. If a value is next to
// the middle of two float16 numbers, the device may round it the other way.

/** Largest distance from the middle, in float16 steps, at which a float32 device may round the other way. */
export const tieDistance16 = 1e-3;

export interface RoundedRow16 {
  values: Float64Array;
  nearTies: { index: number; distance: number }[];
}

/** For magnitudes up to 65,504. `flipped` and `reach` are those of `roundToInt8`. */
export function roundToFloat16(
  row: Float64Array,
  flipped: ReadonlySet<number> = new Set(),
  reach = 1,
): RoundedRow16 {
  const nearTies: RoundedRow16['nearTies'] = [];
  const values = row.map((value, index) => {
    if (value === 0) return 0;
    const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), -14);
    const step = 2 ** (exponent - 10);
    const below = Math.floor(value / step);
    const fraction = value / step - below;
    const up = fraction === 0.5 ? below % 2 !== 0 : fraction > 0.5;
    const distance = Math.abs(fraction - 0.5);
    if (distance < reach * tieDistance16) nearTies.push({ index, distance });
    return (up === flipped.has(index) ? below : below + 1) * step;
  });
  return { values, nearTies };
}
