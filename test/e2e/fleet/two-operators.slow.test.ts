// Two operators whose `plan --apply` overlap, on real processes over slow links, with kills: the short form of what
// bench/fleet/placements.ts tries two hundred times.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startProcess } from '../../support/process.ts';

const bench = join(import.meta.dirname, '..', '..', '..', 'bench', 'fleet', 'placements.ts');

test('no expert is ever without a holder, and the fleet comes to rest at one placement', async () => {
  const run = startProcess(process.execPath, [bench, '--interleavings', '6', '--seed', '3']);
  await run.exit;
  const result = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '');
  expect(result).toMatchObject({
    interleavings: 6,
    withoutHolder: 0,
    splits: 0,
    streams: { failed: 0, changed: 0 },
    bad: [],
  });
  expect(result.applies.whole).toBeGreaterThan(0);
}, 400_000);
