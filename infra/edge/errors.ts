// What the edge itself has to say when it fails, in OpenAI's envelope. Knows nothing of the gateway's errors, which are
// relayed as they are.

export interface EdgeError {
  message: string;
  /** For programs: stable, one for each cause. */
  code: string;
}

/** All four keys, always: clients read them without looking. */
export function envelope({ message, code }: EdgeError, type = 'server_error') {
  return { error: { message, type, param: null, code } };
}

/** The client is told no more than `error`; the cause is for the log: one line of JSON. */
export function logFailure({ code }: EdgeError, request: Request, cause: unknown): void {
  const { pathname } = new URL(request.url);
  console.error(JSON.stringify({ code, method: request.method, path: pathname, cause: String(cause) }));
}
