// Bundles that the reader accepts and refuses, and the numbers and digests of golden rows.
import { cp, mkdtemp, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { goldenDigest, goldenInput } from '../../../model/bundle/golden.ts';
import { contentHashOf, type Manifest, readManifest } from '../../../model/bundle/manifest.ts';
import { convert } from '../../../model/convert/convert.ts';
import { InputError } from '../../../model/errors.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';

let dir: string;
let sound: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bundle-'));
  const { dir: from } = await writeCheckpoint(join(dir, 'checkpoint'), { experts: 4 });
  sound = join(dir, 'sound');
  await convert({ from, to: sound, bits: 4 });
});
afterAll(() => rm(dir, { recursive: true }));

async function copy(): Promise<string> {
  const to = join(dir, String(count++));
  await cp(sound, to, { recursive: true });
  return to;
}

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, at);
  byte[0]! ^= 1;
  await file.write(byte, 0, 1, at);
  await file.close();
}

/** Rewrites bundle.json with a correct content hash, unless the change is to that hash. */
async function forge(at: string, change: (manifest: Manifest) => Record<string, unknown>): Promise<void> {
  const manifest = await readManifest(at);
  const changed = { ...manifest, ...change(manifest) };
  const contentHash =
    changed.contentHash === manifest.contentHash ? contentHashOf(changed) : changed.contentHash;
  await writeFile(join(at, 'bundle.json'), JSON.stringify({ ...changed, contentHash }));
}

describe('a bundle', () => {
  it('can be read by several readers at once, and expert by expert', async () => {
    const [a, b] = await Promise.all([openBundle(sound), openBundle(sound)]);
    const units = [0, 1].flatMap((layer) => [0, 1, 2, 3].map((expert) => ({ layer, expert })));
    const [fromA, fromB] = await Promise.all(
      [a, b].map((bundle) => Promise.all(units.map(bundle.readExpert))),
    );
    expect(fromA).toEqual(fromB);
    await Promise.all([a.close(), b.close()]);
  });

  it('returns bytes that are aligned for typed arrays', async () => {
    const bundle = await openBundle(sound);
    const { data } = await bundle.readMatrix('model.embed_tokens.weight');
    expect(data.byteOffset % 4).toBe(0);
    expect((await bundle.readExpert({ layer: 1, expert: 2 })).down.data.byteOffset % 4).toBe(0);
    await bundle.close();
  });

  it('refuses tensors and experts that it does not have', async () => {
    const bundle = await openBundle(sound);
    await expect(bundle.readMatrix('model.norm.weight')).rejects.toThrow('tensor model.norm.weight');
    await expect(bundle.readVector('lm_head.weight')).rejects.toThrow('tensor lm_head.weight');
    await expect(bundle.readVector('nonsense')).rejects.toThrow('tensor nonsense');
    await expect(bundle.readExpert({ layer: 0, expert: 4 })).rejects.toThrow('no expert 4 in layer 0');
    await bundle.close();
  });
});

describe('a damaged byte', () => {
  it('in an expert is found when that expert is read, and other experts can be read', async () => {
    const at = await copy();
    const { experts } = await readManifest(at);
    const range = experts[1]?.[2];
    if (range === undefined) throw new Error('no range');
    await flip(join(at, range.file), range.offset + range.length - 1);
    const bundle = await openBundle(at);
    await bundle.readExpert({ layer: 1, expert: 1 });
    const refused = bundle.readExpert({ layer: 1, expert: 2 });
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(/experts-00001\.safetensors: expert 2 of layer 1: .* hash/);
    await bundle.close();
  });

  it('in a dense tensor is found when it is read, and the error names the tensor', async () => {
    const at = await copy();
    const path = join(at, 'dense.safetensors');
    await flip(path, (await readFile(path)).length - 1);
    const bundle = await openBundle(at);
    const names = Object.keys(bundle.manifest.dense);
    const read = (name: string) => bundle.readVector(name).then(() => '', String);
    const failures = (await Promise.all(names.map(read))).filter((text) => text.includes('hash'));
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/dense\.safetensors: tensor model\..*: does not match its hash/);
    await bundle.close();
  });

  it.each(['config.json', 'tokenizer.json'])('in %s is found at once', async (name) => {
    const at = await copy();
    await flip(join(at, name), 40);
    await expect(openBundle(at)).rejects.toThrow(`${name}: the whole file: does not match`);
  });
});

describe('opening refuses', () => {
  it.each<[string, (at: string) => Promise<unknown>, string]>([
    ['a directory without bundle.json', (at) => rm(join(at, 'bundle.json')), 'is not a bundle'],
    [
      'a manifest that is not JSON',
      (at) => writeFile(join(at, 'bundle.json'), '{'),
      'bundle.json: is not JSON',
    ],
    ['another format', (at) => forge(at, () => ({ format: 2 })), 'bundle.json: field format'],
    ['another group', (at) => forge(at, () => ({ group: 64 })), 'bundle.json: field group'],
    [
      'an edited content hash',
      (at) => forge(at, () => ({ contentHash: `sha256:${'0'.repeat(64)}` })),
      'bundle.json: field contentHash',
    ],
    [
      'a missing file',
      (at) => rm(join(at, 'experts-00001.safetensors')),
      'experts-00001.safetensors: cannot be opened',
    ],
    [
      'a truncated file',
      (at) => truncate(join(at, 'experts-00000.safetensors'), 999),
      'experts-00000.safetensors: has 999 bytes',
    ],
    [
      'experts that overlap',
      (at) =>
        forge(at, ({ experts }) => ({
          experts: experts.map((units) => units.map((unit) => ({ ...unit, offset: 1 }))),
        })),
      'experts-00000.safetensors: tensor model.layers.0.mlp.experts.0.gate_proj.weight: bundle.json says',
    ],
    [
      'an expert in a file of another directory',
      (at) =>
        forge(at, ({ experts }) => ({
          experts: experts.map((units) =>
            units.map((unit) => ({ ...unit, file: '../sound/experts-00000.safetensors' })),
          ),
        })),
      'bundle.json: field experts.0.0.file',
    ],
    [
      'a layer without its experts',
      (at) => forge(at, ({ experts }) => ({ experts: experts.slice(0, 1) })),
      'lists 0 experts for layer 1, config.json 4',
    ],
    [
      'a tensor without a hash',
      (at) => forge(at, () => ({ dense: {} })),
      'tensor model.embed_tokens.weight: has no hash',
    ],
    [
      'a precision that its tensors do not have',
      (at) => forge(at, () => ({ bits: 16 })),
      'tensor model.embed_tokens.weight: is U8 [',
    ],
    [
      'the files of two layers if their names were exchanged',
      async (at) => {
        await rename(join(at, 'experts-00000.safetensors'), join(at, 'x'));
        await rename(join(at, 'experts-00001.safetensors'), join(at, 'experts-00000.safetensors'));
        await rename(join(at, 'x'), join(at, 'experts-00001.safetensors'));
      },
      'experts-00000.safetensors: tensor model.layers.0.mlp.experts.0.gate_proj.weight: is missing',
    ],
  ])('%s', async (_what, damage, message) => {
    const at = await copy();
    await damage(at);
    const refused = openBundle(at);
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(message);
  });
});

describe('golden rows', () => {
  it('are in [-1, 1), differ by unit, and are the same on every machine', () => {
    const row = goldenInput(3, 17, 2048);
    expect(row.every((value) => value >= -1 && value < 1 && Number.isInteger(value * 2 ** 23))).toBe(true);
    expect(Math.abs(row.reduce((sum, value) => sum + value, 0) / 2048)).toBeLessThan(0.05);
    expect(goldenInput(3, 18, 2048)).not.toEqual(row);
    expect(goldenInput(4, 17, 2048)).not.toEqual(row);
    expect(goldenInput(3, 17, 4)).toEqual(row.subarray(0, 4));
    expect([...goldenInput(0, 0, 3)].map((value) => value * 2 ** 23)).toMatchInlineSnapshot(`
      [
        -2558647,
        3284110,
        -162053,
      ]
    `);
  });

  it('have digests that differ if a bit differs', () => {
    const output = Float32Array.of(0, 1.5, -2, 3);
    expect(goldenDigest(output)).toMatch(/^[0-9a-f]{32}$/);
    expect(goldenDigest(output)).toBe(goldenDigest(new Float32Array([9, ...output]).subarray(1)));
    expect(goldenDigest(output)).not.toBe(goldenDigest(Float32Array.of(-0, 1.5, -2, 3)));
  });
});
