// Learns what a prefill row costs, which grows with the row's position, because attention reads all positions before it. Callers
// measure the time. Pure.
//
// Worked example: chunks around position 100 cost 0.06 ms a row, chunks around 900 cost 0.14. At 500, a row then costs 0.10 ms, and at
// 1,900 it costs 0.24.

/** Weight of the latest sample in a learnt cost, if it is a full one. */
const MEMORY = 0.3;
/** A measured cost counts as at most this many times the expected cost, and at least 1 / ODD of it. */
const ODD = 2;
/** The cost at a position counts as at least this share of the mean cost. */
const LEAST = 0.1;
/** The slope is unknown if the positions of the samples spread less than this many positions (standard deviation). */
const LEAST_SPREAD = 32;

/** A straight line through samples (position, milliseconds) by weighted least squares. The weight of a sample falls with each later one. */
export class RowCost {
  #weight = 0;
  #position = 0;
  #ms = 0;
  /** Weighted variance of the positions, and covariance of position and milliseconds. */
  #spread = 0;
  #together = 0;

  /** `share` (0–1) is how much the sample counts. */
  learn(position: number, ms: number, share = 1): void {
    const expected = this.at(position);
    const seen = expected === undefined ? ms : Math.min(Math.max(ms, expected / ODD), expected * ODD);
    this.#weight = this.#weight * (1 - MEMORY * share) + share;
    const part = share / this.#weight;
    const [ahead, above] = [position - this.#position, seen - this.#ms];
    this.#position += part * ahead;
    this.#ms += part * above;
    this.#spread = (1 - part) * (this.#spread + part * ahead * ahead);
    this.#together = (1 - part) * (this.#together + part * ahead * above);
  }

  /** Milliseconds of a row at this position. Undefined before the first sample. */
  at(position: number): number | undefined {
    if (this.#weight === 0) return undefined;
    const slope = this.#spread < LEAST_SPREAD ** 2 ? 0 : Math.max(0, this.#together / this.#spread);
    return Math.max(this.#ms + slope * (position - this.#position), LEAST * this.#ms);
  }
}
