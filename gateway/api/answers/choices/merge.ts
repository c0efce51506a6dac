// Merges several streams into one that yields each item as soon as it arrives.
import { type Stream, withNext } from '../streams.ts';

interface Arrival<Item> {
  source: AsyncGenerator<Item, void, undefined>;
  result: IteratorResult<Item, void>;
}

/**
 * Pulls at most one item ahead from each source. The first failure of a source ends the merged stream. While sources are open at
 * the end, `cancel` is called before they are closed, because closing a source waits for its pending item, and `cancel` ends that
 * wait. Before each item the stream waits for `pause`. Otherwise sources whose items are always ready would block the event loop.
 */
export function merge<Item>(
  sources: readonly AsyncGenerator<Item, void, undefined>[],
  cancel: () => void,
  pause: () => Promise<void> | undefined,
): Stream<Item> {
  const [only] = sources;
  return only !== undefined && sources.length === 1
    ? alone(only, cancel, pause)
    : together(sources, cancel, pause);
}

/** The common case of one source costs less than `together`. */
function alone<Item>(
  source: AsyncGenerator<Item, void, undefined>,
  cancel: () => void,
  pause: () => Promise<void> | undefined,
): Stream<Item> {
  return withNext(source, {
    next: () => {
      const wait = pause();
      return wait === undefined ? source.next() : wait.then(() => source.next());
    },
    ending: cancel,
  });
}

async function* together<Item>(
  sources: readonly AsyncGenerator<Item, void, undefined>[],
  cancel: () => void,
  pause: () => Promise<void> | undefined,
): AsyncGenerator<Item, void, undefined> {
  const arrived: Arrival<Item>[] = [];
  const pulls = new Map<AsyncGenerator<Item, void, undefined>, Promise<void>>();
  let failure: { error: unknown } | undefined;
  let wake = () => {};
  const pull = (source: AsyncGenerator<Item, void, undefined>) => {
    const pulled = source
      .next()
      .then(
        (result) => void arrived.push({ source, result }),
        (error: unknown) => {
          failure ??= { error };
        },
      )
      .then(() => wake());
    pulls.set(source, pulled);
  };
  for (const source of sources) pull(source);
  try {
    for (let open = sources.length; open > 0; ) {
      const next = arrived.shift();
      if (failure !== undefined) throw failure.error;
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (next.result.done === true) {
        open--;
        continue;
      }
      const wait = pause();
      if (wait !== undefined) await wait;
      yield next.result.value;
      pull(next.source);
    }
  } finally {
    cancel();
    await Promise.allSettled([...pulls.values(), ...sources.map((source) => source.return())]);
  }
}
