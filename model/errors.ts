// The error for what a user handed over and is wrong: a checkpoint, a bundle, a configuration. Knows no exit codes.

/** `message` is one line that names the file, and the field or tensor, and says what is wrong with it. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** The start of every message about one tensor of one file. */
export function tensorError(file: string, tensor: string, problem: string): InputError {
  return new InputError(`${file}: tensor ${tensor}: ${problem}`);
}
