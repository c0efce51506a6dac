// The directory in which a bundle grows: whether the disk has room for it, and the error if not.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { requireSpace, spaceFault } from '../../../model/convert/staging.ts';
import { diskFault } from '../../../model/errors.ts';
import { synth } from '../../../model/synth.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'staging-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('room on the disk', () => {
  it.each([
    [{ needed: 1e9, free: 1e9 }, undefined],
    [
      { needed: 48_000_000, free: 20_000_000 },
      '48.0 MB are still to be written, and the disk has 20.0 MB free. Free another 28.0 MB',
    ],
    [
      { needed: 17.2e9, free: 900 },
      '17.20 GB are still to be written, and the disk has 900 bytes free. Free another 17.20 GB',
    ],
    [
      { needed: 31e12, free: 1.5e12 },
      '31.00 TB are still to be written, and the disk has 1.50 TB free. Free another 29.50 TB',
    ],
  ])('is reported, if it is too small, for %o', (sizes, told) => {
    if (told === undefined) expect(spaceFault(sizes)).toBeUndefined();
    else expect(spaceFault(sizes)).toBe(`${told}, or choose a directory on another disk`);
  });

  it('counts bytes that are on the disk already', async () => {
    await writeFile(join(folder, 'a'), new Uint8Array(1 << 20));
    await requireSpace(folder, [{ name: 'a', bytes: 1 << 20 }], 0);
    await expect(requireSpace(folder, [{ name: 'b', bytes: 1e18 }], 5e17)).rejects.toThrow(
      `${folder}: 1500000.00 TB are still to be written`,
    );
  });

  it('is checked before anything is written', async () => {
    const shape = join(folder, 'config.json');
    const sizes = {
      hidden_size: 65_536,
      moe_intermediate_size: 65_536,
      num_hidden_layers: 64,
      num_experts: 64,
    };
    const heads = {
      num_attention_heads: 64,
      num_key_value_heads: 8,
      num_experts_per_tok: 1,
      vocab_size: 1000,
    };
    await writeFile(shape, JSON.stringify({ model_type: 'qwen3_moe', ...sizes, ...heads }));
    const to = join(folder, 'huge');
    await expect(synth({ shape, to, bits: 32, seed: 1 })).rejects.toThrow(
      /huge\.partial: \d+\.\d\d TB are still to be written, and the disk has/,
    );
    expect(await readdir(`${to}.partial`)).toEqual([]);
  });
});

test('the error for a disk that fills up says what to do', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(String(diskFault(full, 'x/dense.safetensors'))).toMatch(
    /x\/dense\.safetensors: the disk is full; free some space and run the same command again/,
  );
  const other = new Error('no disk at all');
  expect(diskFault(other, 'x')).toBe(other);
});
