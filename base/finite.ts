// Finds numbers that are not finite.

/** Index of the first NaN or infinity; undefined if there is none. */
export function firstNonFinite(values: Float32Array): number | undefined {
  // A finite number times 0 is 0; any other number times 0 is NaN.
  // There are four sums, because the additions to one sum wait for each other.
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < values.length; i += 4) {
    a += values[i]! * 0;
    b += values[i + 1]! * 0;
    c += values[i + 2]! * 0;
    d += values[i + 3]! * 0;
  }
  for (; i < values.length; i++) a += values[i]! * 0;
  if (a + b + c + d === 0) return undefined;
  return values.findIndex((value) => !Number.isFinite(value));
}
