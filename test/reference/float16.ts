// Rounds rows to float16 as IEEE 754 has it, half to even; keys and values are kept so. Knows no cache.
//
// As with int8 (int8.ts), a float32 device's value differs from the float64 one in its last bits, so where a value lies
// next to the middle of two float16 the two may round apart.

/** How far from the middle, in steps of the float16, a float32 device can still round the other way: 2^-24 of 2^11 steps, several times over. */
export const tieDistance16 = 1e-3;

export interface RoundedRow16 {
  values: Float64Array;
  nearTies: { index: number; distance: number }[];
}

/** For magnitudes up to 65,504. `flipped` are indices that go the other way than to the nearest. */
export function roundToFloat16(row: Float64Array, flipped: ReadonlySet<number> = new Set()): RoundedRow16 {
  const nearTies: RoundedRow16['nearTies'] = [];
  const values = row.map((value, index) => {
    if (value === 0) return 0;
    const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), -14);
    const step = 2 ** (exponent - 10);
    const below = Math.floor(value / step);
    const fraction = value / step - below;
    const up = fraction === 0.5 ? below % 2 !== 0 : fraction > 0.5;
    const distance = Math.abs(fraction - 0.5);
    if (distance < tieDistance16) nearTies.push({ index, distance });
    return (up === flipped.has(index) ? below : below + 1) * step;
  });
  return { values, nearTies };
}
