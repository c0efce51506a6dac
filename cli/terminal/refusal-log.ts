// Log lines about callers that were turned away, few enough that a flood of callers is no flood of lines.

import { printable } from '../../base/text.ts';
import type { RpcError } from '../../rpc/errors.ts';

/** Characters: a stranger may have written the reason. */
const LONGEST_REASON = 300;

/** One line in `everyMs` at most, with the number of those left out since the last one. `now` in milliseconds. */
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
