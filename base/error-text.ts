// Texts of thrown values.

/** The message of an `Error`; anything else as a string. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Error messages of `fetch` that give no reason. The `cause` of the error has the reason. */
const saysNothing = new Set(['fetch failed', 'terminated']);

/** Why a request by `fetch` failed, or why the body of its answer could not be read. */
export function fetchErrorText(thrown: unknown): string {
  if (!(thrown instanceof Error) || !saysNothing.has(thrown.message)) return errorText(thrown);
  return thrown.cause instanceof Error && thrown.cause.message !== '' ? thrown.cause.message : thrown.message;
}
