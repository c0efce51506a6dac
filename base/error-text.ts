// The text of anything that was thrown.

/** The message of an `Error`; anything else as a string. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
