// Computes when bytes that enter one direction of a slow line leave it, from delay, jitter and rate. Pure.
import { uniform } from './random.ts';

export interface LineOptions {
  /** Delay of every byte. Default: 0. */
  delayMs?: number;
  /** Upper limit of a further delay, which is drawn for each chunk from [0, jitterMs). Default: 0. */
  jitterMs?: number;
  /** Rate of the line. Default: unlimited. */
  bytesPerSecond?: number;
  seed?: number;
}

export class Line {
  readonly #options: Required<LineOptions>;
  readonly #random: () => number;
  /** Time when the last byte so far has entered the line. */
  #freeAt = 0;
  /** Time when the last byte so far leaves the line. */
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

  /** Time in milliseconds when a chunk that enters at `now` leaves the line. Chunks keep their order. */
  send(bytes: number, now: number): number {
    const { delayMs, jitterMs, bytesPerSecond } = this.#options;
    this.#freeAt = Math.max(this.#freeAt, now) + (1_000 * bytes) / bytesPerSecond;
    this.#lastAt = Math.max(this.#lastAt, this.#freeAt + delayMs + jitterMs * this.#random());
    return this.#lastAt;
  }
}
