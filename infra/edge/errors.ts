// Errors of the edge Worker itself, in OpenAI's format. The gateway's own errors are relayed unchanged.

export interface EdgeError {
  message: string;
  /** A stable name of the cause, for programs. */
  code: string;
}

/** Always has all four keys, because clients read them without a check. */
export function envelope({ message, code }: EdgeError, type = 'server_error') {
  return { error: { message, type, param: null, code } };
}

/** Logs one line of JSON with the cause, which the client does not get. */
export function logFailure({ code }: EdgeError, request: Request, cause: unknown): void {
  const { pathname } = new URL(request.url);
  console.error(JSON.stringify({ code, method: request.method, path: pathname, cause: String(cause) }));
}
