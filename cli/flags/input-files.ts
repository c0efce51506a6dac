// Checks the files that a command line names for reading before anything starts.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { describeFault, explain, nameOf } from '../terminal/explain.ts';
import { isInput } from './flags.ts';

/** Rejects with an error that names the flag if a file that the command is to read cannot be read. */
export async function requireInputs(command: Command): Promise<void> {
  for (const option of command.options.filter(isInput)) {
    const path: unknown = command.getOptionValue(option.attributeName());
    if (typeof path === 'string') await requireFile(path, nameOf(option, command));
  }
}

/** Rejects if there is no readable file at `path`. `flag` is the flag that named it, if that is known. */
export async function requireFile(path: string, flag?: string): Promise<void> {
  // Opens at once even a pipe that nobody writes to; the check below refuses it.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw new Error(explain(error, flag), { cause: error });
  });
  const stats = await file.stat();
  await file.close();
  // The system reports this only at the first read, and then does not say which file it was.
  if (stats.isDirectory()) throw new Error(describeFault({ code: 'EISDIR', path }, flag));
  if (!stats.isFile()) {
    const named = flag === undefined ? path : `${flag} ${path}`;
    throw new Error(
      `${named}: this is a pipe, a socket or a device, and reading it may never end; give a file`,
    );
  }
}
