// Golden rows in a bundle are recorded, read back, and refused if they are damaged.
import { cp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { goldenDigest } from '../../../model/bundle/golden.ts';
import { openGoldens } from '../../../model/bundle/goldens.ts';
import { readManifest, writeManifest } from '../../../model/bundle/manifest.ts';
import { openExpertDevice } from '../../../model/devices/open.ts';
import { InputError } from '../../../model/errors.ts';
import { recordGoldens } from '../../../model/goldens.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';

const shape = { layers: 2, experts: 20, seed: 3 };
let plain: string;
let recorded: string;
beforeAll(async () => {
  plain = await tinyBundle(shape);
  recorded = await copy(plain);
  await recordGoldens(recorded);
});

async function copy(from: string): Promise<string> {
  const to = join(await tinyFolder(), 'copy');
  await cp(from, to, { recursive: true });
  return to;
}

describe('recording', () => {
  it("stores each expert's answer to the row of its layer, and the numerics class", async () => {
    const bundle = await openBundle(recorded);
    const goldens = (await openGoldens(bundle))!;
    const device = await openExpertDevice({ bundle });
    expect(goldens.numericsClass).toBe(device.numericsClass);
    const digests = new Set<string>();
    for (let layer = 0; layer < 2; layer++) {
      const row = goldens.input(layer);
      const variance = row.reduce((sum, value) => sum + value * value, 0) / row.length;
      expect(variance).toBeGreaterThan(0.6);
      expect(variance).toBeLessThan(1.4);
      for (let expert = 0; expert < 20; expert++) {
        await device.load([{ layer, expert }]);
        const answer = await device.run(layer, row, Uint16Array.of(0, expert));
        const golden = await goldens.answer(layer, expert);
        expect(golden.digest).toBe(goldenDigest(answer));
        golden.row.forEach((value, i) => {
          expect(Math.abs(value - answer[i]!)).toBeLessThanOrEqual(2 ** -8 * Math.abs(answer[i]!));
        });
        digests.add(golden.digest);
      }
    }
    expect(digests.size).toBe(40);
    expect(goldens.input(0)).not.toEqual(goldens.input(1));
    expect(() => goldens.input(2)).toThrow('no layer 2');
    await expect(goldens.answer(0, 20)).rejects.toThrow('no expert 20 in layer 0');
    await device.dispose();
    await bundle.close();
  });

  it('changes nothing but the manifest and the new file, and neither identity nor content hash', async () => {
    const [before, after] = [await readManifest(plain), await readManifest(recorded)];
    const { goldenRows, files, ...rest } = after;
    const { 'golden.safetensors': added, ...others } = files;
    expect({ ...rest, files: others }).toEqual(before);
    expect(goldenRows?.answers).toHaveLength(2);
    expect(added).toEqual({ bytes: expect.any(Number) });
    expect((await readdir(recorded)).sort()).toEqual(
      [...(await readdir(plain)), 'golden.safetensors'].sort(),
    );
  });

  it('reports progress, and a bundle without golden rows opens without them', async () => {
    const at = await copy(plain);
    const progress: number[] = [];
    const { bytes } = await recordGoldens(at, {
      onProgress: ({ done, total }) => progress.push(done / total),
    });
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect([progress[0], progress.at(-1)]).toEqual([0, 1]);
    expect((await readManifest(at)).files['golden.safetensors']).toEqual({ bytes });
    const bundle = await openBundle(plain);
    expect(await openGoldens(bundle)).toBeUndefined();
    await bundle.close();
  });

  it('gives the same bytes again, and other bytes on a device of another class', async () => {
    const at = await copy(recorded);
    await recordGoldens(at);
    const read = (dir: string) => readFile(join(dir, 'golden.safetensors'));
    expect((await read(at)).equals(await read(recorded))).toBe(true);
    const { numericsClass } = await recordGoldens(at, { device: 'ort-cpu' });
    const bundle = await openBundle(at);
    expect((await openGoldens(bundle))?.numericsClass).toBe(numericsClass);
    expect(numericsClass).toMatch(/^ort-/);
    await bundle.close();
  });

  it('leaves the bundle unchanged if it is stopped', async () => {
    const at = await copy(plain);
    const controller = new AbortController();
    const onProgress = ({ done, total }: { done: number; total: number }) => {
      if (done > total / 2) controller.abort();
    };
    await expect(recordGoldens(at, { signal: controller.signal, onProgress })).rejects.toThrow(/abort/i);
    expect(await readManifest(at)).toEqual(await readManifest(plain));
    expect((await readdir(at)).sort()).toEqual((await readdir(plain)).sort());
  });

  it('stops at a broken expert and names it', async () => {
    const at = await copy(plain);
    const { experts } = await readManifest(at);
    const { file, offset } = experts[0]![2]!;
    const bytes = await readFile(join(at, file));
    bytes[offset]! ^= 1;
    await writeFile(join(at, file), bytes);
    await expect(recordGoldens(at)).rejects.toThrow(`${file}: expert 2 of layer 0: does not match its hash`);
  });

  it('replaces the digests that bundles of older releases have in the manifest', async () => {
    const at = await copy(plain);
    const manifest = JSON.parse(await readFile(join(at, 'bundle.json'), 'utf8'));
    manifest.golden = { 'some/class': [['0'.repeat(32)]] };
    await writeFile(join(at, 'bundle.json'), JSON.stringify(manifest));
    await recordGoldens(at);
    const bundle = await openBundle(at);
    expect(await openGoldens(bundle)).toBeDefined();
    expect(await readFile(join(at, 'bundle.json'), 'utf8')).not.toContain('some/class');
    await bundle.close();
  });
});

describe('opening a bundle refuses golden rows', () => {
  it.each<[string, (at: string) => Promise<unknown>, string]>([
    ['that are missing', (at) => rm(join(at, 'golden.safetensors')), 'golden.safetensors: cannot be opened'],
    [
      'that are cut short',
      (at) => truncate(join(at, 'golden.safetensors'), 500),
      'golden.safetensors: has 500 bytes',
    ],
    [
      'of another shape',
      async (at) => {
        const other = await copy(await tinyBundle({ ...shape, experts: 24 }));
        await recordGoldens(other);
        await cp(join(other, 'golden.safetensors'), join(at, 'golden.safetensors'));
        const [manifest, { files }] = [await readManifest(at), await readManifest(other)];
        await writeManifest(at, {
          ...manifest,
          files: { ...manifest.files, 'golden.safetensors': files['golden.safetensors']! },
        });
      },
      'golden.safetensors: tensor digests: is U8 [2,24,16]; config.json asks for U8 [2,20,16]',
    ],
    [
      'of another class than the manifest says',
      async (at) => {
        const { goldenRows, ...manifest } = await readManifest(at);
        await writeManifest(at, { ...manifest, goldenRows: { ...goldenRows!, numericsClass: 'other' } });
      },
      'bundle.json says other',
    ],
    [
      'with too few hashes',
      async (at) => {
        const { goldenRows, ...manifest } = await readManifest(at);
        await writeManifest(at, { ...manifest, goldenRows: { ...goldenRows!, answers: [] } });
      },
      'golden.safetensors: tensor answers: bundle.json has hashes for 0 of 2 layers',
    ],
  ])('%s', async (_what, damage, message) => {
    const at = await copy(recorded);
    await damage(at);
    const refused = openBundle(at);
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(message);
  });

  it('whose bytes are damaged, when they are read, naming the tensor and the layer', async () => {
    const at = await copy(recorded);
    const path = join(at, 'golden.safetensors');
    const { length } = await readFile(path);
    const file = await open(path, 'r+');
    await file.write(Uint8Array.of(255, 255), 0, 2, length - 2); // the last answer
    await file.close();
    const bundle = await openBundle(at);
    const goldens = (await openGoldens(bundle))!;
    await goldens.answer(0, 19);
    await expect(goldens.answer(1, 0)).rejects.toThrow(
      'golden.safetensors: tensor answers, layer 1: does not match its hash',
    );
    await bundle.close();
  });
});
