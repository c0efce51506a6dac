// The lines that end a stream of server-sent events, of all endpoints. Pure.

/** Number of characters of a line that decide. */
export const ENDING_LENGTH = 48;

/**
 * `[DONE]` or an error of completions and chats, and the last events of Messages and Responses. A line that is cut to `ENDING_LENGTH`
 * characters must still match.
 */
const ending =
  /^(?:data: ?(?:\[DONE\]\s*$|\{\s*"error"\s*:\s*[{"])|event: ?(?:message_stop|error|response\.(?:completed|incomplete|failed))\s*$)/;

export function isEnding(line: string): boolean {
  return ending.test(line);
}
