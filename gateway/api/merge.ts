// Several streams as one, each item as soon as it is there. Knows nothing of what flows.

/**
 * Pulls at most one item ahead from each source. The first failure ends the whole. However it ends, `cancel` is called
 * before the sources are closed, so that one that is waiting for its next item is woken.
 */
export async function* merge<Item>(
  sources: readonly AsyncGenerator<Item, void, undefined>[],
  cancel: () => void,
): AsyncGenerator<Item, void, undefined> {
  const next = async (source: AsyncGenerator<Item, void, undefined>) => ({
    source,
    result: await source.next(),
  });
  const pending = new Map(sources.map((source) => [source, next(source)]));
  try {
    while (pending.size > 0) {
      const { source, result } = await Promise.race(pending.values());
      pending.delete(source);
      if (result.done === true) continue;
      yield result.value;
      pending.set(source, next(source));
    }
  } finally {
    cancel();
    await Promise.allSettled([...pending.values(), ...sources.map((source) => source.return())]);
  }
}
