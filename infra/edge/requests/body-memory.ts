// Bounds the memory of all bodies that are kept, because their requests may have to be sent again.
import type { EdgeError } from '../errors.ts';

export const memoryFull: EdgeError = {
  status: 503,
  message: 'The edge holds too many requests at the moment. Try again.',
  code: 'edge_busy',
  retryAfter: 1,
};

export class BodyMemory {
  #left: number;

  /** `most`: bytes. */
  constructor(most: number) {
    this.#left = most;
  }

  /** Undefined if not so many bytes are left. Otherwise as `hold`. */
  take(bytes: number): (() => void) | undefined {
    return bytes > this.#left ? undefined : this.hold(bytes);
  }

  /** For bytes that are in memory already. Returns a function that gives them back; calls after the first one have no effect. */
  hold(bytes: number): () => void {
    this.#left -= bytes;
    let held = bytes;
    return () => {
      this.#left += held;
      held = 0;
    };
  }
}

/** The most bytes that the body may need once it is decoded. */
export function mostBytesOf({ method, headers }: Request, maxBody: number): number {
  if (method !== 'POST') return 0;
  const stated = headers.get('content-length');
  const mayGrow = stated === null || headers.has('content-encoding');
  return mayGrow ? maxBody : Math.min(Number(stated), maxBody);
}
