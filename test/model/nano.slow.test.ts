// The embedded model at the precisions that test/model/nano.test.ts leaves out.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openBundle } from '../../model/bundle/bundle.ts';
import { readManifest } from '../../model/bundle/manifest.ts';
import { convert } from '../../model/convert/convert.ts';
import { exportCheckpoint } from '../../scripts/export-checkpoint.ts';
import { nano, nanoAt } from '../support/models/nano.ts';
import { tinyFolder } from '../support/models/tiny-bundle.ts';

it.each([4, 6, 16] as const)('nano at %i bits has the identity of nano', async (bits) => {
  const converted = await openBundle(await nanoAt(bits));
  const { identity } = await readManifest(nano);
  expect([converted.bits, converted.manifest.identity]).toEqual([bits, identity]);
  await converted.close();
});

it.each([16, 32] as const)(
  'nano at %i bits is exported and converted again to the same bytes',
  async (bits) => {
    const [folder, first] = [await tinyFolder(), await nanoAt(bits)];
    await exportCheckpoint(first, join(folder, 'checkpoint'));
    const again = await convert({ from: join(folder, 'checkpoint'), to: join(folder, 'again'), bits });
    expect(again.contentHash).toBe((await readManifest(first)).contentHash);
  },
);
