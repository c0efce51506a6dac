// A checkpoint with quantised weights becomes the bundle of a checkpoint that has the same weights as floats.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readFields } from '../../../model/config/config-fields.ts';
import { convert, planConversion } from '../../../model/convert/convert.ts';
import { findQuantised } from '../../../model/quantised/find-quantised.ts';
import { parseQuantisation } from '../../../model/quantised/settings/quantisation.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';
import { type Parts, quantisedForms } from '../../support/models/random-quantised.ts';
import { encodeSafetensors } from '../../support/models/safetensors-writer.ts';
import { type StoredData, storedTensors } from '../../support/models/stored-tensors.ts';
import { slowElement } from '../quantised/slow-element.ts';

let dir: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'convert-quantised-'));
});
afterAll(() => rm(dir, { recursive: true }));
const fresh = () => join(dir, String(count++));

const shape = { layers: 1, experts: 2, inner: 32 };
const quantised = /(self_attn\..|experts\.\d+\.(gate|up|down))_proj\.weight$/;

/** A checkpoint whose projections are quantised, and the same one in floats. `change` changes the stored tensors of the first. */
async function writeBoth(
  form: keyof typeof quantisedForms,
  change: (tensors: Record<string, StoredData>) => void = () => {},
) {
  const { config, parts } = quantisedForms[form];
  const [from, plain] = [fresh(), fresh()];
  const checkpoint = await writeCheckpoint(plain, shape);
  await writeCheckpoint(from, shape);
  const stored: Record<string, StoredData> = {};
  const quantisation = parseQuantisation(readFields({ quantization_config: config }, 'config.json'));
  for (const [name, { shape, data }] of checkpoint.tensors) {
    if (!quantised.test(name)) {
      stored[name] = {
        dtype: 'F32',
        shape,
        data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      };
      continue;
    }
    const [rows = 0, cols = 0] = shape;
    const module = name.replace(/\.weight$/, '');
    const own: Parts = parts(rows, cols, name.length + rows);
    const named = Object.fromEntries(Object.entries(own).map(([suffix, part]) => [module + suffix, part]));
    const { find, file } = storedTensors(named);
    const matrix = findQuantised(quantisation, name, find)!.matrix(0);
    for (let at = 0; at < data.length; at++)
      data[at] = slowElement(matrix, file, Math.floor(at / cols), at % cols);
    Object.assign(stored, named);
  }
  change(stored);
  await writeFile(join(plain, 'model.safetensors'), encodeSafetensors(checkpoint.tensors, 'f32'));
  await writeFile(join(from, 'model.safetensors'), storedTensors(stored).file);
  await writeFile(
    join(from, 'config.json'),
    JSON.stringify({ ...checkpoint.json, quantization_config: config }),
  );
  return { from, plain };
}

const forms = Object.keys(quantisedForms) as (keyof typeof quantisedForms)[];

it.each(forms)('%s: the bundle has the decoded floats', async (form) => {
  const { from, plain } = await writeBoth(form);
  const [to, same] = [fresh(), fresh()];
  let progress = { done: 0, total: 0 };
  await convert({ from, to, bits: 32, onProgress: (now) => (progress = now) });
  await convert({ from: plain, to: same, bits: 32 });
  const files = (await readdir(to)).filter((file) => file.endsWith('.safetensors'));
  expect(files).toHaveLength(2);
  for (const file of files) {
    expect((await readFile(join(to, file))).equals(await readFile(join(same, file))), file).toBe(true);
  }
  expect(progress.done).toBeCloseTo(progress.total, 3);
  const manifest = JSON.parse(await readFile(join(to, 'bundle.json'), 'utf8'));
  expect(manifest.sourceDtypes).toEqual(['F32', form === 'gptq' ? 'gptq4' : form].sort());
});

it('the same checkpoint at 4 bits has the same identity', async () => {
  const { from } = await writeBoth('gptq');
  const [a, b] = [
    await convert({ from, to: fresh(), bits: 32 }),
    await convert({ from, to: fresh(), bits: 4 }),
  ];
  expect(a.identity).toBe(b.identity);
});

const up = 'model.layers.0.mlp.experts.1.up_proj';

it.each<[string, keyof typeof quantisedForms, (tensors: Record<string, StoredData>) => void, RegExp]>([
  [
    'a bias that is not zero',
    'gptq',
    (all) => all[`${up}.bias`]!.data.set([1]),
    /up_proj\.bias: is not part of the model/,
  ],
  [
    'a group that does not exist',
    'gptq',
    (all) => all[`${up}.g_idx`]!.data.set([9], 8),
    /tensor .*up_proj\.qweight: has 4 groups, but .*up_proj\.g_idx puts column 2 in group 9/,
  ],
  [
    'a shape that lies',
    'int4',
    (all) => all[`${up}.weight_shape`]!.data.set([31]),
    /weight_packed: has shape \[32,64\], but .*weight_shape says \[31,64\]/,
  ],
  [
    'a NaN',
    'fp8',
    (all) => all[`${up}.weight`]!.data.set([0x7f], 70),
    /up_proj\.weight: holds NaN in row 1, column 6/,
  ],
  [
    'a missing part',
    'awq',
    (all) => delete all[`${up}.qzeros`],
    /up_proj\.qzeros: is missing, though there is .*up_proj\.qweight/,
  ],
  [
    'an unknown part',
    'awq',
    (all) => {
      all[`${up}.extra`] = all[`${up}.qzeros`]!;
    },
    /up_proj\.extra: is not part of the model/,
  ],
  [
    'weights of another size',
    'awq',
    (all) => {
      all[`${up}.qweight`] = { dtype: 'I32', shape: [64, 8], data: new Uint8Array(2048) };
    },
    /up_proj\.scales: has shape \[4,32\]/,
  ],
])('%s is refused', async (_, form, change, message) => {
  const { from } = await writeBoth(form, change);
  await expect(convert({ from, to: fresh(), bits: 8 })).rejects.toThrow(message);
});

it('a method that is not supported is refused before any tensor is looked at', async () => {
  const { from } = await writeBoth('fp8');
  const config = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'));
  await writeFile(
    join(from, 'config.json'),
    JSON.stringify({ ...config, quantization_config: { quant_method: 'hqq' } }),
  );
  await expect(planConversion({ from, bits: 8 })).rejects.toThrow(
    'field quantization_config.quant_method: "hqq" is not supported',
  );
});
