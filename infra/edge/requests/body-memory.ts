// Bounds the memory of all bodies that are kept, because their requests may have to be sent again.
import type { EdgeError } from '../errors.ts';

export const memoryFull: EdgeError = {
  status: 503,
  message: 'The edge holds too many requests at the moment. Try again.',
  code: 'edge_busy',
  retryAfter: 1,
};

/** The memory of one body. */
export interface HeldBytes {
  /** From now on the body has `bytes`. Returns false if it would grow and not so many are left; then nothing changes. */
  resize(bytes: number): boolean;
  /** Gives all bytes back. */
  release(): void;
}

export class BodyMemory {
  #left: number;

  /** `most`: bytes. */
  constructor(most: number) {
    this.#left = most;
  }

  /** For a body that has `bytes` in memory already. They are counted even if there is no room for them. */
  open(bytes = 0): HeldBytes {
    let held = bytes;
    this.#left -= held;
    const resize = (bytes: number) => {
      if (bytes > held && bytes - held > this.#left) return false;
      this.#left -= bytes - held;
      held = bytes;
      return true;
    };
    return { resize, release: () => void resize(0) };
  }
}
