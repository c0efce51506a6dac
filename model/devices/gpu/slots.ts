// A table of loaded things that may be replaced while they are in use: what is dropped is released when its last user is
// done. Knows no weights, no device.

interface Slot<T> {
  held: T;
  users: number;
  dropped: boolean;
}

export class Slots<T> {
  readonly #release: (held: T) => Promise<void>;
  readonly #slots = new Map<number, Slot<T>>();

  constructor(release: (held: T) => Promise<void>) {
    this.#release = release;
  }

  has(key: number): boolean {
    return this.#slots.has(key);
  }

  /** From now on `key` names `held`; what it named before is dropped. */
  async put(key: number, held: T): Promise<void> {
    const before = this.#slots.get(key);
    this.#slots.set(key, { held, users: 0, dropped: false });
    if (before !== undefined) await this.#drop(before);
  }

  /** Takes `key` off the table at once; keys that name nothing are let be. */
  async drop(key: number): Promise<void> {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    await this.#drop(slot);
  }

  /** Calls `work` with what the keys name now, which lives until it is done. A key that names nothing gives undefined. */
  async using<R>(keys: readonly number[], work: (held: (T | undefined)[]) => Promise<R>): Promise<R> {
    const slots = keys.map((key) => this.#slots.get(key));
    for (const slot of slots) if (slot !== undefined) slot.users++;
    try {
      return await work(slots.map((slot) => slot?.held));
    } finally {
      for (const slot of slots) {
        if (slot === undefined) continue;
        slot.users--;
        if (slot.dropped && slot.users === 0) await this.#release(slot.held);
      }
    }
  }

  async clear(): Promise<void> {
    for (const key of [...this.#slots.keys()]) await this.drop(key);
  }

  async #drop(slot: Slot<T>): Promise<void> {
    slot.dropped = true;
    if (slot.users === 0) await this.#release(slot.held);
  }
}
