// Splits the experts of every layer over shards into contiguous ranges whose sizes differ by at most one. Pure.

/** `split(96, 4)` is `['0-23', '24-47', '48-71', '72-95']`. Throws if there are more shards than experts. */
export function split(experts: number, shards: number): string[] {
  if (shards > experts) throw new RangeError(`${experts} experts cannot be split over ${shards} shards`);
  return Array.from({ length: shards }, (_, shard) => {
    const first = Math.floor((shard * experts) / shards);
    const last = Math.floor(((shard + 1) * experts) / shards) - 1;
    return first === last ? `${first}` : `${first}-${last}`;
  });
}
