// The gateway's history as the page keeps it: each answer of `GET /v1/history` extends it.

/**
 * @typedef {Record<string, (number | null)[]>} Columns
 * @typedef {{ step: number, start: number, series: Columns }} Stretch start: Unix seconds of the first value; step: seconds
 * @typedef {object} Answer of GET /v1/history
 * @property {string} version
 * @property {number} started
 * @property {number} now
 * @property {{ requests: number, errors: number, refused: number }} totals
 * @property {Stretch} seconds
 * @property {Stretch} minutes
 */

/** Number of values in each stretch: ten minutes, and a day. */
const KEPT = { seconds: 600, minutes: 1440 };

export class Past {
  /** @type {Stretch} */
  seconds = { step: 1, start: 0, series: {} };
  /** @type {Stretch} */
  minutes = { step: 60, start: 0, series: {} };
  #started = 0;

  /** The time, in Unix seconds, at which the newest known value begins. 0 if no value is known. */
  get since() {
    return this.seconds.start === 0 ? 0 : endOf(this.seconds) - this.seconds.step;
  }

  /** @param {Answer} answer to a request for the values after `since` */
  add({ started, seconds, minutes }) {
    // A restarted gateway has a new history.
    if (started !== this.#started) {
      this.seconds = { ...this.seconds, start: 0, series: {} };
      this.minutes = { ...this.minutes, start: 0, series: {} };
    }
    this.#started = started;
    this.seconds = joined(this.seconds, seconds, KEPT.seconds);
    this.minutes = joined(this.minutes, minutes, KEPT.minutes);
  }
}

/**
 * @param {Stretch} known
 * @param {Stretch} more newer values, which may replace the last values of `known`
 * @param {number} kept
 * @returns {Stretch}
 */
export function joined(known, more, kept) {
  if (more.start === 0 || lengthOf(more) === 0) return known;
  if (known.start === 0) return last(more, kept);
  const { step, start } = known;
  const before = Math.round((more.start - start) / step);
  if (before < 0 || before > lengthOf(known) + kept) return last(more, kept);
  const series = Object.fromEntries(
    Object.entries(more.series).map(([name, values]) => {
      const earlier = (known.series[name] ?? []).slice(0, before);
      // Values between the known ones and the new ones are missing.
      while (earlier.length < before) earlier.push(null);
      return [name, [...earlier, ...values]];
    }),
  );
  return last({ step, start, series }, kept);
}

/** @type {(stretch: Stretch, kept: number) => Stretch} */
function last({ step, start, series }, kept) {
  const over = Math.max(0, lengthOf({ step, start, series }) - kept);
  const entries = Object.entries(series).map(([name, values]) => [name, values.slice(over)]);
  return { step, start: start + over * step, series: Object.fromEntries(entries) };
}

/** @param {Stretch} stretch */
export function lengthOf({ series }) {
  return Math.max(0, ...Object.values(series).map(({ length }) => length));
}

/**
 * The end of the last value in Unix seconds.
 * @param {Stretch} stretch
 */
export function endOf(stretch) {
  return stretch.start + lengthOf(stretch) * stretch.step;
}
