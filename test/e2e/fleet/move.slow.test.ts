// Moves experts under the load of three gateways, kills a shard in mid-move and restarts a shard with an outdated saved state.
// No request may fail and no text may change. bench/fleet/move.ts also judges the longest gap, which depends on the machine.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startProcess } from '../../support/process.ts';

const bench = join(import.meta.dirname, '..', '..', '..', 'bench', 'fleet', 'move.ts');

test('moves, a kill in mid-move and a shard with an earlier state fail no request and change no text', async () => {
  const run = startProcess(process.execPath, [bench, '--seconds', '5']);
  await run.exit;
  const result = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '');
  expect(result).toMatchObject({ failed: 0, changed: 0 });
  expect(result.compared).toBeGreaterThan(8);
  expect(result.phases).toHaveLength(5);
  console.log(`longest gap ${result.ratio.toFixed(2)}x the median gap without moves`);
}, 240_000);
