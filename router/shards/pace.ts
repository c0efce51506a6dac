// Times and pauses of a shard's lifecycle, in milliseconds. Tests use shorter ones.
import { FIRST_CORDON_MS, FIRST_REST_MS } from './backoff.ts';
import { GOLDEN_DEADLINE_MS } from './golden-checks.ts';
import { SILENT_MS } from './responses.ts';

export const defaultPace = {
  /** Time within which every unit of a shard is checked once. */
  roundMs: 3_600_000,
  /** Shortest pause between two golden rows. */
  leastPauseMs: 250,
  /** Length of the cordon after the first wrong answer. */
  firstCordonMs: FIRST_CORDON_MS,
  /** Deadline of one golden row. */
  goldenDeadlineMs: GOLDEN_DEADLINE_MS,
  /** A shard is unresponsive if its calls have waited or timed out for this time and none was answered. */
  silentMs: SILENT_MS,
  /** Length of an unresponsive shard's first rest. */
  firstRestMs: FIRST_REST_MS,
  /** Units that gain or lose their second holder are collected for this time and then logged together. */
  redundancyMs: 500,
};

export type Pace = typeof defaultPace;
