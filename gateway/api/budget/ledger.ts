// How much memory the answers under way may take together, and each owner's of it. Pure; knows no answer.

/** What one answer holds. */
export interface Holding {
  /** Asks for so many bytes more; false: they are not free for this owner now. */
  grow(bytes: number): boolean;
  /** Gives all of it back. */
  release(): void;
}

/** Bytes that a holding takes at once: most answers ask the ledger a few times only. */
const CHUNK = 64 * 1024;

/** An owner may hold as much as is still free: half of all if it is alone, and no owner is locked out by another. */
export class MemoryLedger {
  /** Bytes. */
  readonly limit: number;
  readonly #held = new Map<string | undefined, number>();
  #total = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes that one holding may come to, so that an owner who is alone has room for two. */
  get largest(): number {
    return this.limit / 4;
  }

  /** Bytes that all owners hold. */
  get held(): number {
    return this.#total;
  }

  open(owner: string | undefined): Holding {
    let asked = 0;
    let taken = 0;
    return {
      grow: (bytes) => {
        asked += bytes;
        const more = Math.ceil(Math.max(0, asked - taken) / CHUNK) * CHUNK;
        if (more === 0) return true;
        if ((this.#held.get(owner) ?? 0) + more > this.limit - this.#total) return false;
        this.#add(owner, more);
        taken += more;
        return true;
      },
      release: () => {
        this.#add(owner, -taken);
        asked = 0;
        taken = 0;
      },
    };
  }

  #add(owner: string | undefined, bytes: number): void {
    const own = (this.#held.get(owner) ?? 0) + bytes;
    if (own > 0) this.#held.set(owner, own);
    else this.#held.delete(owner);
    this.#total += bytes;
  }
}
