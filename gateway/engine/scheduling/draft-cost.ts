// Learns the cost of a draft: how much longer a step takes for each row that verifies one. Times of steps vary, and with many
// sequences one draft is a small part of a step. So each measurement counts as much as it can tell, and until enough is known, an
// assumption holds. Pure.
import type { PlainStep } from './step-costs.ts';

/**
 * A draft is assumed to cost this share of a decode row's time. Of the time in which this thread waits for shards, only a part
 * grows with the rows, because a trip to the shards takes as long for more rows. So that time counts `WAITING` times.
 */
const ASSUMED = 0.6;
const WAITING = 0.5;
/** Standard deviation of the assumption, as a share of it. */
const DOUBT = 0.35;
/** All measurements together count as at most this many assumptions, so that they are forgotten some time after the last one. */
const MOST_WEIGHT = 100;
/** A draft counts as at least this share of a decode row's time. */
const LEAST = 0.05;
/** A step with drafts multiplies the weight of all earlier measurements by the first, any other step by the second. */
const MEMORY = 0.98;
const PLAIN_MEMORY = 0.998;
/** Weight of the latest step in the learnt deviation of step times. */
const DEVIATION_MEMORY = 0.05;
/** Deviation of step times, as a share of them: before the second step is learnt, and at least. */
const FIRST_DEVIATION = 0.2;
const LEAST_DEVIATION = 0.02;
/** A measurement that is farther from the expected time than this many deviations counts as this far from it. */
const FARTHEST = 1.5;

export class DraftCost {
  /** Weights of the measurements (1/ms²), and the weighted sum of their milliseconds. */
  #weight = 0;
  #sum = 0;
  /** Mean distance of a step's time from the learnt one, as a share of that. */
  #deviation = FIRST_DEVIATION;

  /** Learns from a step of `ms` without drafts. `plain` is what was known before. */
  learnPlain(ms: number, plain: PlainStep): void {
    const distance = Math.min(1, Math.abs(ms / plain.ms - 1));
    if (Number.isFinite(distance)) this.#deviation += DEVIATION_MEMORY * (distance - this.#deviation);
    this.#forget(PLAIN_MEMORY);
  }

  /** Learns from a step of `ms` with so many drafts. The same step without drafts would be `plain`. */
  learn({ drafts, ms }: { drafts: number; ms: number }, plain: PlainStep): void {
    this.#forget(MEMORY);
    const deviationMs = Math.max(this.#deviation, LEAST_DEVIATION) * plain.ms;
    const expected = drafts * this.#ms(plain);
    const off = Math.min(Math.max(ms - plain.ms - expected, -FARTHEST * deviationMs), FARTHEST * deviationMs);
    const weight = (drafts / deviationMs) ** 2;
    this.#weight += weight;
    this.#sum += (weight * (expected + off)) / drafts;
    this.#forget(Math.min(1, (MOST_WEIGHT * assumptionOf(plain).weight) / this.#weight));
  }

  /** Tokens that `decoding` rows generate in the time of one draft. */
  price(decoding: number, plain: PlainStep | undefined): number {
    if (plain === undefined) return ASSUMED;
    return Math.max(LEAST, (this.#ms(plain) * decoding) / plain.ms);
  }

  /** Milliseconds of a draft. The assumption counts like a measurement with that deviation. */
  #ms(plain: PlainStep): number {
    const { ms, weight } = assumptionOf(plain);
    return (this.#sum + weight * ms) / (this.#weight + weight);
  }

  #forget(share: number): void {
    this.#weight *= share;
    this.#sum *= share;
  }
}

function assumptionOf({ rows, ms, busyMs }: PlainStep): { ms: number; weight: number } {
  const draftMs = (ASSUMED * (busyMs + WAITING * (ms - busyMs))) / rows;
  return { ms: draftMs, weight: 1 / (DOUBT * draftMs) ** 2 };
}
