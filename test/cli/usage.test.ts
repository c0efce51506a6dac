// Checks that a wrong command line exits with 2 and prints the reason and the remedy.
import { expect, test } from 'vitest';
import { startProcess } from '../support/process.ts';

const main = new URL('../../cli/main.ts', import.meta.url).pathname;

test.concurrent.each([
  [['upp'], /^error: unknown command 'upp'\n\(Did you mean up\?\)\nRun "expertgrid --help" to see/],
  [
    ['plan', '--shards', 'x', '--heat', 'h'],
    /^expertgrid: --shards x: this is neither a number nor an address, and DNS does not know the name/,
  ],
  [
    ['plan', '--apply', '127.0.0.1:1', '--kubernetes', 'groups.json', '--heat', 'h'],
    /^expertgrid: --kubernetes plans pods that do not run yet: give --shards with their number, and neither --apply,/,
  ],
  [
    ['plan', '--shards', '4', '--gateway-memory', '1GiB', '--kubernetes', 'groups.json', '--heat', 'h'],
    /^expertgrid: --gateway-memory and --kubernetes exclude each other/,
  ],
])('expertgrid %o exits with 2 and prints the reason', async (args, told) => {
  const running = startProcess(process.execPath, [main, ...args]);
  const { code } = await running.exit;
  expect({ code, stdout: running.stdout }).toEqual({ code: 2, stdout: '' });
  expect(running.stderr).toMatch(told);
});
