import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openBundle } from '../../model/bundle/bundle.ts';
import { goldenDigest, goldenInput } from '../../model/bundle/golden.ts';
import { openExpertDevice } from '../../model/devices/open.ts';
import { recordGoldens } from '../../model/goldens.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

it("records what each expert gives for its golden row, under the device's numerics class", async () => {
  const dir = await tinyBundle({ layers: 2, experts: 6, seed: 3 });
  const before = await openBundle(dir);
  const progress: number[] = [];
  await recordGoldens(dir, { onProgress: ({ done, total }) => progress.push(done / total) });
  const bundle = await openBundle(dir);
  expect(bundle.manifest.contentHash).toBe(before.manifest.contentHash);
  expect(progress.length).toBe(12);
  expect(progress.at(-1)).toBe(1);

  const device = openExpertDevice({ bundle });
  const digests = bundle.manifest.golden[device.numericsClass];
  expect(digests?.map((ofLayer) => ofLayer.length)).toEqual([6, 6]);
  const unit = { layer: 1, expert: 4 };
  await device.load([unit]);
  const rows = goldenInput(1, 4, bundle.config.hidden);
  const output = await device.run(1, rows, Uint16Array.of(0, 4));
  expect(goldenDigest(output)).toBe(digests?.[1]?.[4]);
  expect(new Set(digests?.flat()).size).toBe(12);
  await device.dispose();
  await bundle.close();
  await before.close();
});

it('stops at a broken expert and names it', async () => {
  const dir = await tinyBundle({ layers: 1, experts: 4, seed: 4 });
  const { manifest, close } = await openBundle(dir);
  await close();
  const { file, offset } = manifest.experts[0]![2]!;
  const bytes = await readFile(join(dir, file));
  bytes[offset] ^= 1;
  await writeFile(join(dir, file), bytes);
  await expect(recordGoldens(dir)).rejects.toThrow(`${file}: expert 2 of layer 0: does not match its hash`);
});
