// When shards are looked at again, in milliseconds. Tests make it faster.
import { FIRST_CORDON_MS, FIRST_REST_MS } from './backoff.ts';
import { GOLDEN_DEADLINE_MS } from './golden-checks.ts';
import { SILENT_MS } from './responses.ts';

export interface Pace {
  /** All units of a shard are checked once within this time. */
  roundMs: number;
  /** Least pause between two golden rows. */
  leastPauseMs: number;
  /** Length of the cordon after the first wrong answer. */
  firstCordonMs: number;
  /** Deadline of one golden row. */
  goldenDeadlineMs: number;
  /** A shard counts as unresponsive when calls have waited or timed out for so long and none was answered. */
  silentMs: number;
  /** Length of a shard's first rest after it did not answer. */
  firstRestMs: number;
  /** Changes of which units have a second holder are collected for so long and then logged once. */
  redundancyMs: number;
}

export const defaultPace: Pace = {
  roundMs: 3_600_000,
  leastPauseMs: 250,
  firstCordonMs: FIRST_CORDON_MS,
  goldenDeadlineMs: GOLDEN_DEADLINE_MS,
  silentMs: SILENT_MS,
  firstRestMs: FIRST_REST_MS,
  redundancyMs: 500,
};
