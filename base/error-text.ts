// Texts of thrown values.

/** The message of an `Error`; anything else as a string. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Messages of `fetch` without a reason. The reason is in the error's cause. */
const saysNothing = new Set(['fetch failed', 'terminated']);

/** The reason for an error of `fetch`, or of reading the body of its answer. */
export function fetchErrorText(thrown: unknown): string {
  if (!(thrown instanceof Error) || !saysNothing.has(thrown.message)) return errorText(thrown);
  return thrown.cause instanceof Error && thrown.cause.message !== '' ? thrown.cause.message : thrown.message;
}
