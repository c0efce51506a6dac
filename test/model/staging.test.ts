// The directory in which a bundle grows: room enough on its disk, and one writer at a time.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { lockPartial, requireSpace, spaceFault } from '../../model/convert/staging.ts';
import { diskFault, InputError } from '../../model/errors.ts';
import { synth } from '../../model/synth.ts';
import { startProcess } from '../support/process.ts';

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
  ])('for %o', (sizes, told) => {
    if (told === undefined) expect(spaceFault(sizes)).toBeUndefined();
    else expect(spaceFault(sizes)).toBe(`${told}, or choose a directory on another disk`);
  });

  it('counts what lies there already', async () => {
    await writeFile(join(folder, 'a'), new Uint8Array(1 << 20));
    await requireSpace(folder, [{ name: 'a', bytes: 1 << 20 }], 0);
    await expect(requireSpace(folder, [{ name: 'b', bytes: 1e18 }], 5e17)).rejects.toThrow(
      `${folder}: 1500000.00 TB are still to be written`,
    );
  });

  it('is looked at before anything is written', async () => {
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
    expect(await readdir(folder)).not.toContain('huge.partial.lock');
  });
});

describe('a bundle in the making', () => {
  it('is written by one process at a time', async () => {
    const dir = join(folder, 'new.partial');
    const unlock = await lockPartial(dir);
    await expect(lockPartial(dir)).rejects.toThrow(
      /another process is writing this bundle. If none is, delete \S+lock$/,
    );
    await unlock();
    await (await lockPartial(dir))();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is taken over from a process that has died, and not from one of another machine', async () => {
    const dir = join(folder, 'new.partial');
    const gone = startProcess(process.execPath, ['--version']);
    await gone.exit;
    await writeFile(`${dir}.lock`, JSON.stringify({ pid: gone.pid, host: hostname() }));
    await (await lockPartial(dir))();
    await writeFile(`${dir}.lock`, JSON.stringify({ pid: gone.pid, host: 'another' }));
    await expect(lockPartial(dir)).rejects.toThrow(InputError);
  });
});

test('a disk that fills up on the way is told with what to do', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(String(diskFault(full, 'x/dense.safetensors'))).toMatch(
    /x\/dense\.safetensors: the disk is full; free some space and run the same command again/,
  );
  const other = new Error('no disk at all');
  expect(diskFault(other, 'x')).toBe(other);
});
