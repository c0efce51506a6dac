// Runs `expertgrid capacity` as users do.
import { expect, test } from 'vitest';
import { nanoConfig } from '../../support/models/nano.ts';
import { startCli } from '../../support/process.ts';

async function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const running = startCli(['capacity', ...args]);
  const { code } = await running.exit;
  return { code, stdout: running.stdout, stderr: running.stderr };
}

test.concurrent('says for a region what it needs, and that this is on paper', async () => {
  const load = ['--rps', '50', '--prompt', '500', '--answer', '200', '--regions', '2', '--hit-rate', '0.3'];
  const { code, stdout } = await run(...load, '--redundancy', '2', '--price-core', '1', '--price-gib', '0');
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^On paper: computed for nano from measurements of .*; no fleet of this size was run\.\n/,
  );
  expect(stdout).toMatch(/^ {2}gateways +\d+, each 1\.81 GiB$/m);
  expect(stdout).toMatch(/^ {2}shards +\d+, each 256 MiB$/m);
  expect(stdout).toMatch(/^one of 2 regions lost +50 /m);
  expect(stdout).toMatch(/^a queue grows in a cell from +[\d.,]+ requests\/s \(/m);
  const [, cores] = /^ {2}cores, memory +(\d+),/m.exec(stdout) ?? [];
  expect(stdout).toContain(`cost of all regions           ${2 * Number(cores)} an hour`);
});

test.concurrent('prints a line for each power of ten with --table', async () => {
  const { code, stdout } = await run('--table', '--regions', '3');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^On paper:/);
  const rates = stdout.split('\n').flatMap((line) => /^\| ([\d,]+) /.exec(line)?.[1] ?? []);
  expect(rates).toEqual(['1', '10', '100', '1,000', '10,000', '100,000', '1,000,000']);
});

test.concurrent('prints JSON that says that it is on paper', async () => {
  const { stdout } = await run('--json', '--rps', '7', '--regions', '1');
  const { onPaper, calibrated, result } = JSON.parse(stdout);
  expect(onPaper).toBe(true);
  expect(Object.keys(calibrated)).toEqual(['machine', 'date', 'commit']);
  expect(result.workload).toEqual({ rps: 7, prompt: 500, answer: 200, hitRate: 0, regions: 1 });
  expect(result.usual).toMatchObject({ rps: 7, fits: true });
  expect(result.regionLost).toBeUndefined();
});

const { context } = await nanoConfig();

test.concurrent.each<[string[], RegExp]>([
  [['--rps', '0'], /option '--rps <n>' argument '0' is invalid. It must be a number above 0/],
  [['--rps', 'many'], /option '--rps <n>' argument 'many' is invalid/],
  [['--hit-rate', '1'], /^expertgrid: hit rate: 1 is not at least 0 and below 1/],
  [
    ['--prompt', `${context}`],
    new RegExp(`^expertgrid: a prompt of ${context} .* nano has a context of ${context}`),
  ],
  [['--survive-region'], /^expertgrid: the loss of the only region cannot be survived/],
  [['--model', 'package.json'], /--model package\.json: this is a file/],
])('refuses %o with an error that names the reason', async (args, told) => {
  const { code, stdout, stderr } = await run(...args);
  expect(stdout).toBe('');
  expect(stderr).toMatch(told);
  expect(code).not.toBe(0);
});
