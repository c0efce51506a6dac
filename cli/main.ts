// The entry of the command line. A wrong command line exits with 2 and a failure with 1, each with a line that says why and what to do.
import { type Command, CommanderError } from 'commander';
import { readSwitches, UsageError } from './flags/flags.ts';
import { requireInputs } from './flags/input-files.ts';
import { explain } from './terminal/explain.ts';
import { createProgram } from './verbs.ts';

// If the reader of the output has gone, such as `head`, the process still ends in order.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

let called: Command | undefined;
try {
  const program = await createProgram(process.argv[2]);
  readSwitches(program, process.env);
  program.hook('preAction', async (_, command) => {
    called = command;
    await requireInputs(command);
  });
  await program.parseAsync();
} catch (error) {
  const isHelp = error instanceof CommanderError && error.exitCode === 0;
  if (!isHelp) fail(error);
}

function fail(error: unknown): never {
  const isUsage = error instanceof CommanderError || error instanceof UsageError;
  // Commander has printed its own errors.
  if (!(error instanceof CommanderError)) process.stderr.write(`expertgrid: ${explain(error, called)}\n`);
  // Threads and connections must not keep a process that has failed.
  process.exit(isUsage ? 2 : 1);
}
