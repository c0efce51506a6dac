// Checks that a verb ends without an error if the reader of its output, such as `head`, has ended.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startProcess } from '../../support/process.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

/** Exit code and standard error of the verb if its output is read only up to the first line. */
async function intoHead(verb: string): Promise<string> {
  const script = `{ "${process.execPath}" "${main}" ${verb}; echo "ended with $?" >&2; } | head -n 1`;
  const shell = startProcess('sh', ['-c', script]);
  expect(await shell.exit).toMatchObject({ code: 0 });
  return shell.stderr;
}

test('--help exits with 0 if its reader has ended', async () => {
  expect(await intoHead('up --help')).toBe('ended with 0\n');
});

test('heat --watch exits with 0 when its reader has ended', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pipe-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'heat.json');
  const heat = { model: 'x', layers: 1, experts: 2, counts: [[1, 2]], steps: [], half_life_seconds: 600 };
  await writeFile(file, JSON.stringify(heat));
  expect(await intoHead(`heat "${file}" --watch 1`)).toBe('ended with 0\n');
});
