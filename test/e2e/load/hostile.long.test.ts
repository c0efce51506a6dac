// Sends a few of the requests of which `npm run hostile` sends thousands.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = fileURLToPath(new URL('../../../bench/hostile/run.ts', import.meta.url));

test('requests that are made to be expensive harm neither /health, nor another key, nor the process', async () => {
  const flags = ['--shapes', '80', '--seed', '7', '--alone', '5', '--most', '300'];
  const { stdout } = await promisify(execFile)(process.execPath, [run, ...flags]).catch(
    (failed: { stdout: string }) => failed,
  );
  const { verdicts } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
    verdicts: { name: string; ok: boolean }[];
  };
  expect(verdicts.length).toBeGreaterThan(5);
  expect(verdicts.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([]);
});
