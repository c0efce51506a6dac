// Runs a few interleavings of bench/fleet/placements.ts: two operators run `plan --apply` at once, over slow links and
// with kills.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startProcess } from '../../support/process.ts';

const bench = join(import.meta.dirname, '..', '..', '..', 'bench', 'fleet', 'placements.ts');

test('two plan --apply at once leave no expert without a holder, and all shards end at one placement', async () => {
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
