// Steps of a stream of events. They are not async generators, because each async generator costs time for every event.

/** A stream whose reader can end it early by `return`. Every async generator is one. */
export interface Stream<Item> extends AsyncIterable<Item, void, undefined> {
  next(): Promise<IteratorResult<Item, void>>;
  return(): Promise<IteratorResult<Item, void>>;
}

/** The same stream. `note` is called with each item before the reader gets it. */
export function noted<Item>(items: AsyncIterable<Item>, note: (item: Item) => void): Stream<Item> {
  const source = items[Symbol.asyncIterator]();
  const noteIn = (result: IteratorResult<Item>): IteratorResult<Item, void> => {
    if (result.done === true) return over;
    note(result.value);
    return result;
  };
  return withNext(source, { next: () => source.next().then(noteIn) });
}

/** The same stream, of which `first` is the result of an earlier `next()`. */
export function withFirst<Item>(
  first: Promise<IteratorResult<Item, void>>,
  stream: Stream<Item>,
): Stream<Item> {
  let isFirst = true;
  return withNext(stream, {
    next: () => {
      if (!isFirst) return stream.next();
      isFirst = false;
      return first;
    },
  });
}

/** The same stream. `finished` is called with the reason of each finish. */
export function tellFinishes<Event extends { type: string; reason?: string }>(
  events: AsyncIterable<Event>,
  finished: (reason: string) => void,
): Stream<Event> {
  return noted(events, (event) => {
    if (event.type === 'finish' && event.reason !== undefined) finished(event.reason);
  });
}

const over = { done: true, value: undefined } as const;

/** A stream that calls `next` for each item. `ending` is called before an early end closes `source`. */
export function withNext<Item>(
  source: { return?(): Promise<unknown> },
  { next, ending = () => {} }: { next: () => Promise<IteratorResult<Item, void>>; ending?: () => void },
): Stream<Item> {
  return {
    next,
    async return() {
      ending();
      await source.return?.();
      return over;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
