// Rounds activation rows to int8 in blocks of 32, as ONNX Runtime's MatMulNBits does at accuracy_level 4.
//
// Source: MLAS, QuantizeARow_CompInt8 (onnxruntime/core/mlas/lib/sqnbitgemm_kernel_avx512.cpp and _avx2.cpp), all in
// float32: scale = max|a| / 127, inverse = 127 / max|a|, q = round half to even (a * inverse).
//
// A device's `a` differs from the float64 value in the last bits. If a * inverse is close to a tie, such as 2.5, the device may
// round it the other way, to the next int8. Such near ties are reported, and a caller may have them rounded that way.

const blockLength = 32;

/** Largest distance from a tie, in steps, at which a float32 device may round the other way. */
export const tieDistance = 1e-4;

export interface RoundedRow {
  /** The rounded values: q * scale. */
  values: Float64Array;
  /** Values within `tieDistance` of a tie, with their distance from the tie in steps. */
  nearTies: { index: number; distance: number }[];
}

/**
 * `flipped` are indices of values that are rounded away from the nearest number. `reach` is a factor on the distance at which
 * ties are reported.
 */
export function roundToInt8(
  row: Float64Array,
  flipped: ReadonlySet<number> = new Set(),
  reach = 1,
): RoundedRow {
  const values = new Float64Array(row.length);
  const nearTies: RoundedRow['nearTies'] = [];
  for (let start = 0; start < row.length; start += blockLength) {
    const end = Math.min(start + blockLength, row.length);
    let largest = 0;
    for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(Math.fround(row[i] as number)));
    if (largest === 0) continue;
    const scale = Math.fround(largest / 127);
    const inverse = Math.fround(127 / largest);
    for (let i = start; i < end; i++) {
      const exact = Math.fround(Math.fround(row[i] as number) * inverse);
      const below = Math.floor(exact);
      const fraction = exact - below;
      const up = fraction === 0.5 ? below % 2 !== 0 : fraction > 0.5;
      const distance = Math.abs(fraction - 0.5);
      if (distance < reach * tieDistance) nearTies.push({ index: i, distance });
      values[i] = (up === flipped.has(i) ? below : below + 1) * scale;
    }
  }
  return { values, nearTies };
}
