// Which line the log gets about calls that failed for good: one in a while, so that a lost shard is no flood. Pure; time is given.
import type { RpcError } from '../rpc/errors.ts';

/** Between two lines. Milliseconds. */
const everyMs = 5_000;

export class FailureLog {
  #quietUntil = Number.NEGATIVE_INFINITY;
  #leftOut = 0;

  /** Undefined: this one is only counted. The layer's `rows` have no answer, for that reason. */
  line(
    { layer, rows, error }: { layer: number; rows: number; error: RpcError },
    now: number,
  ): string | undefined {
    if (now < this.#quietUntil) {
      this.#leftOut++;
      return undefined;
    }
    const more = this.#leftOut > 0 ? ` (${this.#leftOut} more since the last such line)` : '';
    this.#quietUntil = now + everyMs;
    this.#leftOut = 0;
    const { cause } = error;
    const why = cause instanceof Error && !error.message.includes(cause.message) ? `: ${cause.message}` : '';
    return `${rows} rows of layer ${layer} have no answer: ${error.message}${why}${more}`;
  }
}
