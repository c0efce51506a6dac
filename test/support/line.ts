// Computes when bytes that enter one direction of a slow line leave it, from delay, jitter and rate. Pure.
import { uniform } from './random.ts';

export interface LineOptions {
  /** Milliseconds that every byte travels. */
  delayMs?: number;
  /** Milliseconds on top, drawn anew for each chunk from [0, jitterMs). */
  jitterMs?: number;
  /** Of the line; unlimited where absent. */
  bytesPerSecond?: number;
  seed?: number;
}

export class Line {
  readonly #options: Required<LineOptions>;
  readonly #random: () => number;
  /** When the last byte so far is on the line. */
  #freeAt = 0;
  /** When the last byte so far leaves it. */
  #lastAt = 0;

  constructor({
    delayMs = 0,
    jitterMs = 0,
    bytesPerSecond = Number.POSITIVE_INFINITY,
    seed = 1,
  }: LineOptions = {}) {
    this.#options = { delayMs, jitterMs, bytesPerSecond, seed };
    this.#random = uniform(seed);
  }

  /** When a chunk that comes at `now` leaves, never before an earlier one. Milliseconds. */
  send(bytes: number, now: number): number {
    const { delayMs, jitterMs, bytesPerSecond } = this.#options;
    this.#freeAt = Math.max(this.#freeAt, now) + (1_000 * bytes) / bytesPerSecond;
    this.#lastAt = Math.max(this.#lastAt, this.#freeAt + delayMs + jitterMs * this.#random());
    return this.#lastAt;
  }
}
