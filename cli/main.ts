// The command line. One that is wrong exits with 2, and what fails with 1, each with a line that says why and what to do.
import { type Command, CommanderError } from 'commander';
import { readSwitches, UsageError } from './flags/flags.ts';
import { requireInputs } from './flags/input-files.ts';
import { explain } from './terminal/explain.ts';
import { createProgram } from './verbs.ts';

// Whoever read the output has gone, `head` for one: nobody is left to write for, and what runs may be worth ending well.
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
  // Commander has told its own.
  if (!(error instanceof CommanderError)) process.stderr.write(`expertgrid: ${explain(error, called)}\n`);
  // Whatever was begun, a thread or a connection, must not keep a process that has failed.
  process.exit(isUsage ? 2 : 1);
}
