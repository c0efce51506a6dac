// Caches what identifies the arithmetic of engine and shards, so that requests do not wait for a busy engine.
import type { EngineStatus } from '../../engine/messages.ts';

/** Values older than this are asked for again, because they change when shards of another numerics class take over. */
const FRESH_MS = 5_000;

export type Arithmetic = Pick<EngineStatus, 'fingerprint' | 'numerics'>;

export class Fingerprint {
  readonly #ask: () => Promise<Arithmetic | undefined>;
  #known: Arithmetic | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<Arithmetic | null> | undefined;

  /** `ask` must not reject. It resolves to undefined if the engine does not answer. */
  constructor(ask: () => Promise<Arithmetic | undefined>) {
    this.#ask = ask;
  }

  /** Waits for the engine only while nothing is known. Null if the engine did not answer. */
  async current(): Promise<Arithmetic | null> {
    if (performance.now() - this.#askedAtMs > FRESH_MS) this.#asking ??= this.#refresh();
    return this.#known ?? (await this.#asking) ?? null;
  }

  async #refresh(): Promise<Arithmetic | null> {
    this.#known = (await this.#ask()) ?? this.#known;
    this.#askedAtMs = performance.now();
    this.#asking = undefined;
    return this.#known;
  }
}
