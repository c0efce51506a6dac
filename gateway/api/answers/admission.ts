// Decides when a stream's status line goes out. Knows no wire format.

/**
 * Waits for the stream's first item or `waitMs`, whichever is first, and gives the stream back whole; throws what the
 * stream throws within that time.
 *
 * A stream's headers should be sent at once, but a status cannot be taken back: a request that the engine refuses
 * (queue full, experts missing, shutting down) must arrive as 429 or 503, not inside a 200. The engine tells within
 * one step, so the verdict is waited for as long as a slow step takes; no caller misses the headers of an answer
 * that has no token yet. A long prefill outlasts the wait: then the headers go, and a later failure is an event.
 */
export async function admitted<Item>(
  stream: AsyncGenerator<Item, void, undefined>,
  waitMs: number,
): Promise<AsyncGenerator<Item, void, undefined>> {
  const first = stream.next();
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([first, waited]).finally(() => clearTimeout(timer));
  return resume(first, stream);
}

async function* resume<Item>(
  first: Promise<IteratorResult<Item, void>>,
  stream: AsyncGenerator<Item, void, undefined>,
): AsyncGenerator<Item, void, undefined> {
  try {
    const result = await first;
    if (result.done === true) return;
    yield result.value;
    yield* stream;
  } finally {
    await stream.return();
  }
}
