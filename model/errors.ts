// Errors of input that the user can repair: a checkpoint, a bundle, a configuration, a full disk.

/** `message` is one line that names the file and the field or tensor, and says what is wrong. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** An InputError about the values of a source. Work on it cannot be resumed, because the source has to be replaced. */
export class BadValuesError extends InputError {}

export function tensorError(file: string, tensor: string, problem: string): InputError {
  return new InputError(`${file}: tensor ${tensor}: ${problem}`);
}

/** Whether the system's error has one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** The error to throw if writing to `file` failed with `cause`: an InputError if the disk is full, else `cause` itself. */
export function diskFault(cause: unknown, file: string): unknown {
  if (!hasCode(cause, 'ENOSPC', 'EDQUOT')) return cause;
  const advice = 'free some space and run the same command again, which resumes the work';
  return new InputError(`${file}: the disk is full; ${advice}`, { cause });
}
