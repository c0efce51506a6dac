// The directory that growth writes: shards and index, copied files, progress, refusals and interruption.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planConversion } from '../../../model/convert/convert.ts';
import { grow } from '../../../model/grow/grow.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { readJson } from './support.ts';

const growth = { kind: 'width', noise: 0.01, seed: 1 } as const;

async function source(): Promise<{ from: string; to: string }> {
  const folder = await tinyFolder();
  await writeCheckpoint(join(folder, 'from'), { layers: 2, experts: 4, shards: 2 });
  return { from: join(folder, 'from'), to: join(folder, 'new', 'grown') };
}

it('writes files of limited size, and an index that lists every tensor', async () => {
  const { from, to } = await source();
  const { bytes } = await grow({ from, to, growth, fileBytes: 50_000 });
  const index = await readJson(to, 'model.safetensors.index.json');
  const files = (await readdir(to)).filter((name) => name.endsWith('.safetensors')).sort();
  expect(files.length).toBeGreaterThan(2);
  expect(files).toEqual(
    files.map((_, i) => {
      const pad = (value: number) => String(value).padStart(5, '0');
      return `model-${pad(i + 1)}-of-${pad(files.length)}.safetensors`;
    }),
  );
  expect([...new Set(Object.values(index.weight_map as object))].sort()).toEqual(files);
  expect(index.metadata).toEqual({ total_size: bytes });
  // The embedding of 261 x 64 floats is larger than a file may be, and has one of its own.
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(to, name))).size));
  expect(sizes.filter((size) => size > 60_000)).toHaveLength(2);
  expect((await planConversion({ from: to, bits: 8 })).config.experts).toBe(8);
});

it('copies tokenizer, templates, code and licence, and no weights or index of the source', async () => {
  const { from, to } = await source();
  await mkdir(join(from, 'additional_chat_templates'));
  await writeFile(join(from, 'additional_chat_templates', 'tool_use.jinja'), '{{ messages }}');
  await writeFile(join(from, 'LICENSE'), 'licence');
  await writeFile(join(from, 'notes.bin'), 'other');
  await writeFile(join(from, '..', 'blob'), 'linked');
  await symlink(join('..', 'blob'), join(from, 'vocab.txt'));
  await grow({ from, to, growth });
  expect((await readdir(to)).sort()).toEqual([
    'LICENSE',
    'additional_chat_templates',
    'config.json',
    'generation_config.json',
    'model-00001-of-00001.safetensors',
    'model.safetensors.index.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'vocab.txt',
  ]);
  expect(await readFile(join(to, 'vocab.txt'), 'utf8')).toBe('linked');
  expect(await readFile(join(to, 'tokenizer.json'))).toEqual(await readFile(join(from, 'tokenizer.json')));
  expect(existsSync(join(to, 'additional_chat_templates', 'tool_use.jinja'))).toBe(true);
});

it('reports progress up to the bytes of the weights', async () => {
  const { from, to } = await source();
  const seen: { done: number; total: number }[] = [];
  const { bytes } = await grow({ from, to, growth, onProgress: (progress) => seen.push(progress) });
  expect(seen[0]).toEqual({ done: 0, total: bytes });
  expect(seen.at(-1)).toEqual({ done: bytes, total: bytes });
  expect(seen.every(({ done }, i) => i === 0 || done > seen[i - 1]!.done)).toBe(true);
});

it('refuses a directory that is occupied, and one that another run writes', async () => {
  const { from, to } = await source();
  await mkdir(to, { recursive: true });
  await writeFile(join(to, 'file'), '');
  await expect(grow({ from, to, growth })).rejects.toThrow(`${to}: exists and is not empty`);
  const other = `${to}-other`;
  await mkdir(`${other}.partial`);
  await expect(grow({ from, to: other, growth })).rejects.toThrow('another run writes it, or one was killed');
  expect(existsSync(`${other}.partial`)).toBe(true);
});

it('leaves nothing if it is interrupted or fails', async () => {
  const { from, to } = await source();
  const stopped = new AbortController();
  const onProgress = ({ done }: { done: number }) => done > 0 && stopped.abort();
  await expect(grow({ from, to, growth, signal: stopped.signal, onProgress })).rejects.toThrow('aborted');
  expect(await readdir(join(to, '..'))).toEqual([]);
});

it('names the tensor that is not finite', async () => {
  const { from, to } = await source();
  const path = join(from, 'model-00001-of-00002.safetensors');
  const file = await readFile(path);
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
  const name = 'model.layers.0.mlp.experts.0.gate_proj.weight';
  file.writeFloatLE(Number.NaN, 8 + Number(file.readBigUInt64LE()) + header[name].data_offsets[0]);
  await writeFile(path, file);
  await expect(grow({ from, to, growth })).rejects.toThrow(`tensor ${name}: holds NaN at element 0`);
  expect(existsSync(`${to}.partial`)).toBe(false);
});

it('layers of multi-token prediction are left out', async () => {
  const { from, to } = await source();
  const json = { ...(await readJson(from)), num_nextn_predict_layers: 1 };
  await writeFile(join(from, 'config.json'), JSON.stringify(json));
  await grow({ from, to, growth });
  expect(await readJson(to)).toMatchObject({ num_nextn_predict_layers: 0 });
});
