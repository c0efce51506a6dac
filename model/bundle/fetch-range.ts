// Bytes of a file behind HTTP, a range at a time, asked for again where the way fails. Knows no bundle.

import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import { InputError } from '../errors.ts';

export interface FetchRangeOptions {
  signal?: AbortSignal;
  /** Requests for one range, the first included. */
  attempts?: number;
  /** Before the second request; doubles. Milliseconds. */
  waitMs?: number;
  /** A request without an end after so long is given up. Milliseconds. */
  patienceMs?: number;
}

/** The whole file where `range` is absent. Rejects with an InputError that names the URL. */
export async function fetchBytes(
  url: URL,
  range: { start: number; length: number } | undefined,
  { signal, attempts = 5, waitMs = 200, patienceMs = 60_000 }: FetchRangeOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  let why: unknown;
  for (let attempt = 0; attempt < attempts; attempt++) {
    signal?.throwIfAborted();
    if (attempt > 0) await delay(waitMs * 2 ** (attempt - 1), undefined, { ...(signal && { signal }) });
    try {
      return await fetchOnce(url, range, patienceMs, signal);
    } catch (error) {
      if (error instanceof InputError) throw error; // asking again would not help
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
  patienceMs: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const patience = AbortSignal.timeout(patienceMs);
  const response = await fetch(url, {
    headers: range === undefined ? {} : { range: `bytes=${range.start}-${range.start + range.length - 1}` },
    signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
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
