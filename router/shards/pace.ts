// Times and pauses of a shard's lifecycle, in milliseconds. Tests use shorter ones.
import { FIRST_CORDON_MS, FIRST_REST_MS } from './backoff.ts';
import { GOLDEN_DEADLINE_MS } from './golden-checks.ts';
import { SILENT_MS } from './responses.ts';

export interface Pace {
  /** Time within which every unit of a shard is checked once. */
  roundMs: number;
  /** Least pause between two golden rows. */
  leastPauseMs: number;
  /** Length of the cordon after the first wrong answer. */
  firstCordonMs: number;
  /** Deadline of one golden row. */
  goldenDeadlineMs: number;
  /** A shard is unresponsive if its calls have waited or timed out for so long and none was answered. */
  silentMs: number;
  /** Length of an unresponsive shard's first rest. */
  firstRestMs: number;
  /** Gained and lost second holders of units are collected for so long and then logged once. */
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
