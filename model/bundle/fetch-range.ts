// Fetches bytes of a file by HTTP range requests, with retries.
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import { InputError } from '../errors.ts';

export interface FetchRangeOptions {
  signal?: AbortSignal;
  /** Most requests for one range, the first included. Default: 5. */
  attempts?: number;
  /** Pause before the second request. It doubles before each further request. Default: 200. */
  waitMs?: number;
  /** Deadline of each request. Default: 60,000. */
  timeoutMs?: number;
}

/** Fetches a range, or the whole file if `range` is undefined. Rejects with an InputError that names the URL. */
export async function fetchBytes(
  url: URL,
  range: { start: number; length: number } | undefined,
  { signal, attempts = 5, waitMs = 200, timeoutMs = 60_000 }: FetchRangeOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  let why: unknown;
  for (let attempt = 0; attempt < attempts; attempt++) {
    signal?.throwIfAborted();
    if (attempt > 0) await delay(waitMs * 2 ** (attempt - 1), undefined, { ...(signal && { signal }) });
    try {
      return await fetchOnce(url, range, timeoutMs, signal);
    } catch (error) {
      if (error instanceof InputError) throw error; // a retry would not help
      why = error;
    }
  }
  signal?.throwIfAborted();
  const reason = errorText(why);
  throw new InputError(`${url}: ${attempts} requests failed, the last with: ${reason}`, { cause: why });
}

async function fetchOnce(
  url: URL,
  range: { start: number; length: number } | undefined,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, {
    headers: range === undefined ? {} : { range: `bytes=${range.start}-${range.start + range.length - 1}` },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  const { status } = response;
  if (status !== (range === undefined ? 200 : 206)) {
    await response.body?.cancel();
    if (status >= 500 || status === 429 || status === 408) throw new Error(`status ${status}`);
    if (status === 200) throw new InputError(`${url}: the server does not answer range requests`);
    throw new InputError(`${url}: status ${status}`);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (range === undefined || bytes.length === range.length) return bytes;
  throw new Error(`${bytes.length} bytes came instead of ${range.length}`);
}
