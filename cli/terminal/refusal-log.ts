// Logs callers that a shard refuses, with a limited number of lines.
import { printable } from '../../base/text.ts';
import type { RpcError } from '../../rpc/errors.ts';

/** Most characters of a reason that are logged. A stranger may have written the reason. */
const LONGEST_REASON = 300;

/** Writes at most one line every `everyMs`. A line has the number of refusals that were left out since the line before. */
export function refusalLog(
  warn: (fields: object, message: string) => void,
  { everyMs = 5_000, now = () => performance.now() }: { everyMs?: number; now?: () => number } = {},
): (error: RpcError, from: string) => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let leftOut = 0;
  return ({ code, message }, from) => {
    if (now() < quietUntil) {
      leftOut++;
      return;
    }
    const fields = { from, code, ...(leftOut > 0 && { leftOut }) };
    warn(fields, `a caller was refused: ${printable(message, LONGEST_REASON)}`);
    quietUntil = now() + everyMs;
    leftOut = 0;
  };
}
