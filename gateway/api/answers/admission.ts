// Delays the status line of a stream until the engine has admitted the request or some time has passed.
import { type Stream, withFirst } from './streams.ts';

/**
 * Waits for the stream's first item, but at most `waitMs`, and returns the whole stream. Throws if the stream fails in that time.
 *
 * A request that the engine refuses (queue full, experts missing, shutting down) must become a 429 or 503, not an error inside a
 * 200. The engine refuses within one step, so `waitMs` should cover a slow step. If a long prefill takes longer, the headers are
 * sent, and a later failure becomes an event of the stream.
 */
export async function admitted<Item>(stream: Stream<Item>, waitMs: number): Promise<Stream<Item>> {
  const first = stream.next();
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([first, waited]).finally(() => clearTimeout(timer));
  return withFirst(first, stream);
}
