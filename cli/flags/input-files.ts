// Checks, before anything starts, that the input files, which flags name, can be read.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { describeFault, explain, nameOf } from '../terminal/explain.ts';
import { isInput } from './flags.ts';

/** Checks the file of each input flag. The error names the flag. */
export async function requireInputs(command: Command): Promise<void> {
  for (const option of command.options.filter(isInput)) {
    const path: unknown = command.getOptionValue(option.attributeName());
    if (typeof path === 'string') await requireFile(path, nameOf(option, command));
  }
}

/** Rejects unless `path` is a regular file that can be read. `flag`: the flag that gives the path, if it is known. */
export async function requireFile(path: string, flag?: string): Promise<void> {
  // With O_NONBLOCK even a pipe without a writer opens immediately; the check below refuses it.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw new Error(explain(error, flag), { cause: error });
  });
  const stats = await file.stat();
  await file.close();
  // The system reports a directory only at the first read, and then without its path.
  if (stats.isDirectory()) throw new Error(describeFault({ code: 'EISDIR', path }, flag));
  if (!stats.isFile()) {
    const named = flag === undefined ? path : `${flag} ${path}`;
    throw new Error(
      `${named}: this is a pipe, a socket or a device, and reading from it may never end; give a file`,
    );
  }
}
