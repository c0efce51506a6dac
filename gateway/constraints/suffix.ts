// Compares the end of a sequence with the beginning of another, for searches that read one element at a time.

/** Length of the longest suffix of `seen` that is a prefix of `wanted`. */
export function suffixLength<Item>(seen: readonly Item[], wanted: ArrayLike<Item>): number {
  for (let size = Math.min(seen.length, wanted.length); size > 0; size--) {
    if (seen.slice(-size).every((each, i) => each === wanted[i])) return size;
  }
  return 0;
}
