// scripts/export-checkpoint.ts and the bundle that is equal to its own export (scripts/refresh-nano.ts), on tiny models.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../model/bundle/bundle.ts';
import { type Manifest, readManifest } from '../../model/bundle/manifest.ts';
import { convert } from '../../model/convert/convert.ts';
import { dequantize } from '../../model/tiles.ts';
import { exportCheckpoint } from '../../scripts/export-checkpoint.ts';
import { settledBundle } from '../../scripts/refresh-nano.ts';
import { type Checkpoint, writeCheckpoint } from '../support/models/checkpoint.ts';
import { encodeSafetensors } from '../support/models/safetensors-writer.ts';
import { tinyFolder } from '../support/models/tiny-bundle.ts';

let folder: string;
let source: Checkpoint;

beforeAll(async () => {
  folder = await tinyFolder();
  // Neither 40 nor 24 is a multiple of the 32 inputs or the 16 rows of a tile.
  const shape = { hidden: 40, headDim: 8, inner: 24, experts: 4, vocab: 261 };
  source = await writeCheckpoint(join(folder, 'source'), { ...shape, dtype: 'f16' });
});

async function convertedAgain(from: string, bits: 4 | 6 | 8 | 16 | 32): Promise<Manifest> {
  const to = await tinyFolder();
  await exportCheckpoint(from, join(to, 'checkpoint'));
  await convert({ from: join(to, 'checkpoint'), to: join(to, 'bundle'), bits });
  return await readManifest(join(to, 'bundle'));
}

describe('a bundle that is exported', () => {
  it.each([8, 16, 32] as const)('at %i bits and converted again has the same weights', async (bits) => {
    const dir = join(folder, `bundle-${bits}`);
    await convert({ from: source.dir, to: dir, bits });
    const again = await convertedAgain(dir, bits);
    expect(again.contentHash).toBe((await readManifest(dir)).contentHash);
  });

  it.each([4, 6, 8] as const)('at %i bits has the floats for which its weights stand', async (bits) => {
    const to = await tinyFolder();
    const [dir, floats] = [join(to, 'bundle'), join(to, 'floats')];
    await convert({ from: source.dir, to: dir, bits });
    await exportCheckpoint(dir, join(to, 'checkpoint'));
    await convert({ from: join(to, 'checkpoint'), to: floats, bits: 32 });
    const [rounded, exported] = [await openBundle(dir), await openBundle(floats)];
    const name = 'model.embed_tokens.weight';
    expect(dequantize(await exported.readMatrix(name))).toEqual(dequantize(await rounded.readMatrix(name)));
    const unit = { layer: 1, expert: 3 };
    const [{ gate, down }, plain] = [await rounded.readExpert(unit), await exported.readExpert(unit)];
    expect(dequantize(plain.gate)).toEqual(dequantize(gate));
    expect(dequantize(plain.down)).toEqual(dequantize(down));
    await Promise.all([rounded.close(), exported.close()]);
  });

  it('with another layout is refused', async () => {
    const to = await tinyFolder();
    await writeCheckpoint(join(to, 'source'), { layout: 'olmoe' });
    await convert({ from: join(to, 'source'), to: join(to, 'bundle'), bits: 8 });
    await expect(exportCheckpoint(join(to, 'bundle'), join(to, 'out'))).rejects.toThrow(
      'config.json has the layout olmoe, and only qwen3_moe can be exported',
    );
  });
});

describe('a settled bundle', () => {
  it('is the bundle of its own export, and has its identity', async () => {
    const settled = await settledBundle(source.dir, await tinyFolder());
    const { identity, contentHash } = await readManifest(settled);
    expect(await convertedAgain(settled, 8)).toMatchObject({ identity, contentHash });
  });

  it('is also found if scales are too small for a float16 number of full precision', async () => {
    const dir = await tinyFolder();
    const tiny = await writeCheckpoint(dir, { dtype: 'f32' });
    for (const { data } of tiny.tensors.values()) data.set(data.map((value) => value / 2000));
    await writeFile(join(dir, 'model.safetensors'), encodeSafetensors(tiny.tensors, 'f32'));
    const once = join(await tinyFolder(), 'once');
    await convert({ from: dir, to: once, bits: 8 });
    expect((await convertedAgain(once, 8)).contentHash).not.toBe((await readManifest(once)).contentHash);
    const settled = await settledBundle(dir, await tinyFolder());
    const { identity, contentHash } = await readManifest(settled);
    expect(await convertedAgain(settled, 8)).toMatchObject({ identity, contentHash });
  });
});
