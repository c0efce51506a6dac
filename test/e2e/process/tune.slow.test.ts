// The prefetch hint of the CPU kernels as a user sees it: `expertgrid tune`, --prefetch, and the first and later starts.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parsePrefetch } from '../../../model/devices/cpu/prefetch.ts';
import { canPrefetch } from '../../../model/devices/fit-prefetch.ts';
import { childrenOf, type Running, startProcess } from '../../support/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'expertgrid-tune-'));
afterAll(() => rmSync(folder, { recursive: true }));

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

function start(cache: string, ...args: string[]): Running {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, cache) };
  return startProcess(process.execPath, [main, ...args], { env });
}

const fileOf = (cache: string) => join(folder, cache, 'expertgrid', 'kernels.json');
const kept = (cache: string): string[] => Object.values(JSON.parse(readFileSync(fileOf(cache), 'utf8')));

const up = [
  'up',
  '--model',
  'nano',
  '--shards',
  '2',
  '--port',
  '0',
  '--log-level',
  'debug',
  '--log-format',
  'json',
];

/** Starts `up`, and returns its log line about the prefetch, and the --prefetch of its shards. */
async function startUp(cache: string, ...flags: string[]) {
  const running = start(cache, ...up, ...flags);
  await running.says(/ready/);
  const line = running.stderr.split('\n').find((text) => text.includes('prefetch of the CPU kernels'));
  const ofShards = childrenOf(running.pid).map(({ command }) => /--prefetch (\S+)/.exec(command)?.[1]);
  running.signal('SIGTERM');
  expect((await running.exit).code).toBe(0);
  return { logged: line === undefined ? undefined : JSON.parse(line), ofShards };
}

describe.runIf(canPrefetch())('the prefetch hint', () => {
  it('is measured by the first start, passed to the shards, and read from the cache by the next start', async () => {
    const first = await startUp('starts');
    expect(first.logged).toMatchObject({ level: 'debug', measured: true });
    const [hint] = kept('starts');
    expect(first.logged.prefetch).toBe(hint);
    expect(first.ofShards).toEqual([hint, hint]);

    const second = await startUp('starts');
    expect(second.logged).toMatchObject({ prefetch: hint, measured: false });
  });

  it('is that of --prefetch if the flag is given, and nothing is measured then', async () => {
    const { logged, ofShards } = await startUp('flag', '--prefetch', 't0:4096');
    expect(logged).toBeUndefined();
    expect(ofShards).toEqual(['t0:4096', 't0:4096']);
    expect(existsSync(fileOf('flag'))).toBe(false);
  });

  it('is printed and kept by tune', async () => {
    const tune = start('tune', 'tune');
    expect((await tune.exit).code).toBe(0);
    const [chosen] = /(\S+) +\S+ µs {2}chosen$/m.exec(tune.stdout)?.slice(1) ?? [];
    expect(parsePrefetch(chosen ?? '')).toBeDefined();
    expect(kept('tune')).toEqual([chosen]);
    expect(tune.stdout).toContain(fileOf('tune'));
  });
});

it('a wrong --prefetch exits with 2 and says what is allowed', async () => {
  const wrong = start('wrong', ...up, '--prefetch', 't0');
  expect((await wrong.exit).code).toBe(2);
  expect(wrong.stderr).toContain(
    "argument 't0' is invalid. It must be none, or a hint and a distance such as t0:4096.",
  );
});

it('--prefetch with a device that does not use the CPU kernels exits with 2', async () => {
  const wrong = start('wrong', ...up, '--device', 'ort-cpu', '--prefetch', 'none');
  expect((await wrong.exit).code).toBe(2);
  expect(wrong.stderr).toContain('--prefetch none: the device ort-cpu has no kernels that prefetch');
});
