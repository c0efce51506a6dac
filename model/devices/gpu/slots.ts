// A table of loaded resources that may be replaced while they are in use. A dropped resource is released when its last user is
// done.
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

  /** Enters `held` under `key` and drops the resource that was there before. */
  async put(key: number, held: T): Promise<void> {
    const before = this.#slots.get(key);
    this.#slots.set(key, { held, users: 0, dropped: false });
    if (before !== undefined) await this.#drop(before);
  }

  /** Removes `key` from the table at once. Does nothing if the key is unknown. */
  async drop(key: number): Promise<void> {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    await this.#drop(slot);
  }

  /** Passes the resources of the keys to `work` and keeps them until `work` is done. Unknown keys give undefined. */
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
