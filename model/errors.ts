// The error for faulty input: a checkpoint, a bundle, a configuration.

/** `message` is one line that names the file and the field or tensor, and says what is wrong. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** The start of every message about one tensor of one file. */
export function tensorError(file: string, tensor: string, problem: string): InputError {
  return new InputError(`${file}: tensor ${tensor}: ${problem}`);
}

/** The error to throw if writing to `file` failed with `cause`. A full disk is an InputError, because the user can free space. */
export function diskFault(cause: unknown, file: string): unknown {
  const isFull =
    cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
  if (!isFull) return cause;
  const advice = 'free some space and run the same command again, which goes on where it was';
  return new InputError(`${file}: the disk is full; ${advice}`, { cause });
}
