// Computes the distance between two rows of logits.

/** `max |a - b| / max |b|`. If a value is NaN, the result is NaN, so that it fails every comparison with a bound. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} logits against ${b.length}`);
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < b.length; i++) {
    difference = Math.max(difference, Math.abs((a[i] as number) - (b[i] as number)));
    largest = Math.max(largest, Math.abs(b[i] as number));
  }
  return difference / largest;
}
