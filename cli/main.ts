// The entry point of the command line. It exits with 2 if the command line is wrong and with 1 after a failure, and prints the reason.
import { type Command, CommanderError } from 'commander';
import { readSwitches, UsageError } from './flags/flags.ts';
import { requireInputs } from './flags/input-files.ts';
import { explain } from './terminal/explain.ts';
import { createProgram } from './verbs.ts';

// Writing fails if the reader of the output, such as `head`, has ended. The process ignores this and ends as usual.
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
  // Open threads and connections would keep the process alive.
  process.exit(isUsage ? 2 : 1);
}
