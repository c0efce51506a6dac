// Runs `npm run chaos` with a few faults. A client must notice none of these faults. Stalls are not judged, because that
// needs a quiet machine.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isAlive, processes, startProcess } from '../../support/process.ts';

interface Result {
  kinds: string;
  parts: { part: string; error?: string; stopped?: string; verdicts?: { name: string; value: number }[] }[];
}

const script = join(import.meta.dirname, '..', '..', '..', 'bench', 'chaos', 'run.ts');
/** Names of the verdicts that are not about time. */
const promised = [
  'texts that differ without any fault',
  'failed',
  'hung',
  'changed texts',
  'changed texts without a degraded hop',
  'shards that stayed away',
  'liars not cordoned',
  'runs without any degraded hop',
  'degraded hops in /metrics and not in usage',
];

it('loses no request and changes no text while shards are killed, stopped, cut off and made to answer wrongly', async () => {
  const kinds = 'kill,stop,half-open,garbage,nan,flip';
  // Wrong answers differ only in the lowest bit. Larger errors may change a text before an audit finds the shard.
  const flags = ['--faults', '6', '--seed', '3', '--kinds', kinds, '--flip-bits', '1'];
  const run = startProcess(process.execPath, [script, ...flags]);
  await run.exit;
  const result = JSON.parse(run.stdout.trimEnd().split('\n').at(-1) ?? '') as Result;
  expect(result.kinds).toBe(kinds);
  expect(result.parts.map(({ part, error, stopped }) => ({ part, error, stopped }))).toEqual([
    { part: 'replicas', error: undefined, stopped: undefined },
    { part: 'liars', error: undefined, stopped: undefined },
    { part: 'standby', error: undefined, stopped: undefined },
  ]);
  for (const { verdicts = [] } of result.parts) {
    const missed = verdicts.filter(({ name, value }) => promised.includes(name) && value !== 0);
    expect(verdicts.length).toBeGreaterThan(4);
    expect(missed).toEqual([]);
  }
});

it('ends all of its processes if it is interrupted', async () => {
  const run = startProcess(process.execPath, [script, '--faults', '1', '--only', 'replicas']);
  await run.says(/undisturbed run/);
  const own = processes().filter(({ parent }) => parent === run.pid);
  expect(own).toHaveLength(5);
  run.signal('SIGINT');
  expect(await run.exit).toEqual({ code: 130, signal: null });
  expect(own.filter(({ pid }) => isAlive(pid))).toEqual([]);
});
