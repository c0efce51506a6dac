// Restarts every shard and every gateway of a fleet in turn, as a deployment does, with bench/fleet/rolling.ts.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startProcess } from '../../support/process.ts';

const bench = join(import.meta.dirname, '..', '..', '..', 'bench', 'fleet', 'rolling.ts');

it('a rolling restart of shards and gateways hangs no stream, breaks none and changes no text', async () => {
  const run = startProcess(process.execPath, [bench, '--rounds', '1', '--streams', '4']);
  await run.exit;
  const found = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  expect(found).toMatchObject({ hung: 0, broken: 0, changed: 0 });
  expect(found).toHaveProperty('counts.shards.refused', 0);
  expect(found).toHaveProperty('counts.shards.told', 0);
  expect(Number((found.counts as { gateways: { whole: number } }).gateways.whole)).toBeGreaterThan(0);
});
