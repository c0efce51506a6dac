// Limits the log lines about failed rows, so that a lost shard does not flood the log. Pure; the caller gives the time.
import type { RpcError } from '../rpc/errors.ts';

/** Shortest time between two log lines. */
const EVERY_MS = 5_000;

export class FailureLog {
  #quietUntil = Number.NEGATIVE_INFINITY;
  #leftOut = 0;

  /** The log line about a failure; undefined if the last line is less than 5 s old. The next line counts this failure too. */
  line(
    { layer, rows, error }: { layer: number; rows: number; error: RpcError },
    now: number,
  ): string | undefined {
    if (now < this.#quietUntil) {
      this.#leftOut++;
      return undefined;
    }
    const more = this.#leftOut > 0 ? ` (${this.#leftOut} more since the last such line)` : '';
    this.#quietUntil = now + EVERY_MS;
    this.#leftOut = 0;
    const { cause } = error;
    const why = cause instanceof Error && !error.message.includes(cause.message) ? `: ${cause.message}` : '';
    return `${rows} rows of layer ${layer} have no answer: ${error.message}${why}${more}`;
  }
}
