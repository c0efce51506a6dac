// Caches `system_fingerprint`, which identifies the arithmetic of engine and shards, so that requests do not wait for a busy engine.

/** A fingerprint older than this is asked for again, because it changes when shards of another numerics class take over. */
const FRESH_MS = 5_000;

export class Fingerprint {
  readonly #ask: () => Promise<string | undefined>;
  #known: string | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<string | null> | undefined;

  /** `ask` must not reject. It resolves to undefined if the engine does not answer. */
  constructor(ask: () => Promise<string | undefined>) {
    this.#ask = ask;
  }

  /** Waits for the engine only while no fingerprint is known. Null if the engine did not answer. */
  async current(): Promise<string | null> {
    if (performance.now() - this.#askedAtMs > FRESH_MS) this.#asking ??= this.#refresh();
    return this.#known ?? (await this.#asking) ?? null;
  }

  async #refresh(): Promise<string | null> {
    this.#known = (await this.#ask()) ?? this.#known;
    this.#askedAtMs = performance.now();
    this.#asking = undefined;
    return this.#known;
  }
}
