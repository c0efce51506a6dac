// Converts every layout at every precision, and compares each tensor with the checkpoint's values, which this test encodes.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, openBundle } from '../../../model/bundle/bundle.ts';
import { denseTensors, expertTensors } from '../../../model/bundle/tensors.ts';
import { convert } from '../../../model/convert/convert.ts';
import type { Matrix } from '../../../model/tensor.ts';
import { bundleBits, dequantize, quantize } from '../../../model/tiles.ts';
import { type Checkpoint, type CheckpointOptions, writeCheckpoint } from '../../support/models/checkpoint.ts';
import { encodeSafetensors, rounded } from '../../support/models/safetensors-writer.ts';

let dir: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'convert-'));
});
afterAll(() => rm(dir, { recursive: true }));
const fresh = () => join(dir, String(count++));

const mixtralNames: Record<string, string> = { gate_proj: 'w1', up_proj: 'w3', down_proj: 'w2' };

/** A tensor's values in the checkpoint, by canonical name. */
function valuesOf({ config, tensors }: Checkpoint, canonical: string): Float32Array {
  const mixtral = (name: string) =>
    name.replace('.mlp.', '.block_sparse_moe.').replace(/(gate|up|down)_proj/, (part) => mixtralNames[part]!);
  const name = config.layout === 'mixtral' && canonical.includes('.mlp.') ? mixtral(canonical) : canonical;
  const found = tensors.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found.data;
}

function expectMatrix(
  matrix: Matrix,
  values: Float32Array,
  bits: number,
  dtype: 'f32' | 'f16' | 'bf16',
): void {
  if (bits === 4 || bits === 6 || bits === 8) {
    expect(matrix.encoding).toBe(`q${bits}`);
    const again = quantize(values, matrix.rows, matrix.cols, `q${bits}`);
    expect(Buffer.from(matrix.data).equals(again.data)).toBe(true);
    return;
  }
  expect(matrix.encoding).toBe(bits === 32 ? 'f32' : dtype === 'bf16' ? 'bf16' : 'f16');
  const kept = bits === 16 && dtype === 'f32' ? values.map((value) => rounded(value, 'f16')) : values;
  expect(dequantize(matrix)).toEqual(kept);
}

async function expectSame(bundle: Bundle, checkpoint: Checkpoint, bits: number): Promise<void> {
  const { config } = bundle;
  for (const { kind, name } of denseTensors(config)) {
    const values = valuesOf(checkpoint, name);
    if (kind === 'small') expect(await bundle.readVector(name)).toEqual(values);
    else expectMatrix(await bundle.readMatrix(name), values, bits, checkpoint.dtype);
  }
  for (let layer = 0; layer < config.layers; layer++) {
    for (let expert = 0; expert < config.experts; expert++) {
      const { gate, up, down } = await bundle.readExpert({ layer, expert });
      const names = expertTensors(config, { layer, expert }).map(({ name }) => name);
      for (const [i, matrix] of [gate, up, down].entries()) {
        expectMatrix(matrix, valuesOf(checkpoint, names[i]!), bits, checkpoint.dtype);
      }
    }
  }
}

const checkpoints: CheckpointOptions[] = [
  { layout: 'qwen3_moe', dtype: 'bf16', hidden: 72, headDim: 10, inner: 40, shards: 3 },
  { layout: 'qwen3_moe', dtype: 'f16', score: 'sigmoid', k: [2, 1], tied: true, qkNorm: 'none' },
  { layout: 'mixtral', dtype: 'f32', k: 2, kvHeads: 4 },
  { layout: 'olmoe', dtype: 'bf16', k: 3, shards: 2, vocab: 77 },
];

describe.each(checkpoints)('a checkpoint %o', (options) => {
  it('converts to its own values at every precision, under one identity', async () => {
    const checkpoint = await writeCheckpoint(fresh(), options);
    const identities = new Set<string>();
    const contents = new Set<string>();
    for (const bits of bundleBits) {
      const to = fresh();
      const written = await convert({ from: checkpoint.dir, to, bits });
      const bundle = await openBundle(to);
      expect(bundle.config).toEqual(checkpoint.config);
      expect({ bits: bundle.bits, group: bundle.group }).toEqual({ bits, group: 32 });
      await expectSame(bundle, checkpoint, bits);
      await bundle.close();
      identities.add(written.identity);
      contents.add(written.contentHash);
      expect(bundle.manifest.identity).toBe(written.identity);
    }
    expect(identities.size).toBe(1);
    expect(contents.size).toBe(bundleBits.length);
  });
});

describe('identity', () => {
  const convertTo = async (options: CheckpointOptions, change?: (dir: string) => Promise<void>) => {
    const { dir: from } = await writeCheckpoint(fresh(), options);
    await change?.(from);
    return convert({ from, to: fresh(), bits: 4 });
  };

  it('does not depend on how the tensors are divided into files', async () => {
    const whole = await convertTo({ shards: 1 });
    const parts = await convertTo({ shards: 4 });
    expect(parts.identity).toBe(whole.identity);
    expect(parts.contentHash).toBe(whole.contentHash);
  });

  it('changes with a weight and with the config', async () => {
    const original = await convertTo({});
    const reseeded = await convertTo({ seed: 2 });
    const rebased = await convertTo({ ropeBase: 20_000 });
    expect(new Set([original.identity, reseeded.identity, rebased.identity]).size).toBe(3);
    expect(rebased.contentHash).not.toBe(original.contentHash);
  });
});

describe('a bundle directory', () => {
  it('contains the copied files unchanged, and no files of the conversion', async () => {
    const { dir: from, files } = await writeCheckpoint(fresh(), { layers: 2 });
    await writeFile(join(from, 'chat_template.jinja'), '{{ messages }}');
    const to = fresh();
    const { hasTokenizer } = await convert({ from, to, bits: 8 });
    expect(hasTokenizer).toBe(true);
    const copied = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json'];
    for (const name of [...copied, 'chat_template.jinja']) {
      expect(await readFile(join(to, name))).toEqual(await readFile(join(from, name)));
    }
    const made = [
      'bundle.json',
      'dense.safetensors',
      'experts-00000.safetensors',
      'experts-00001.safetensors',
    ];
    expect((await readdir(to)).sort()).toEqual([...copied, 'chat_template.jinja', ...made].sort());
    expect(await readdir(dir)).not.toContain(`${to}.partial`);
    expect(files).toEqual(['model.safetensors']);
  });

  it('has the same bytes with any number of threads', async () => {
    const { dir: from } = await writeCheckpoint(fresh(), { hidden: 256, inner: 128, experts: 32, layers: 2 });
    const hashes = new Set<string>();
    for (const workers of [1, 3]) {
      const to = fresh();
      await convert({ from, to, bits: 4, workers });
      const bytes = await Promise.all(
        (await readdir(to)).sort().map((name) => readFile(join(to, name), 'latin1')),
      );
      hashes.add(bytes.join());
    }
    expect(hashes.size).toBe(1);
  });

  it('is made with progress up to the whole source, and reports a missing tokenizer', async () => {
    const { dir: from } = await writeCheckpoint(fresh(), { vocab: 50 });
    const seen: number[] = [];
    let all = 0;
    const { hasTokenizer } = await convert({
      from,
      to: fresh(),
      bits: 4,
      onProgress: ({ done, total }) => {
        seen.push(done);
        all = total;
      },
    });
    expect(hasTokenizer).toBe(false);
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(all);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('contains the template for tools from a folder of the checkpoint', async () => {
    const { dir: from } = await writeCheckpoint(fresh(), {});
    await mkdir(join(from, 'additional_chat_templates'));
    await writeFile(join(from, 'additional_chat_templates', 'tool_use.jinja'), 'with tools');
    const { dir: to } = await convert({ from, to: fresh(), bits: 4 });
    expect(await readFile(join(to, 'chat_template.tool_use.jinja'), 'utf8')).toBe('with tools');
  });

  it('is made from a checkpoint that also stores a tied head and rotary frequencies', async () => {
    const checkpoint = await writeCheckpoint(fresh(), { tied: true });
    const plain = await convert({ from: checkpoint.dir, to: fresh(), bits: 4 });
    const embedding = checkpoint.tensors.get('model.embed_tokens.weight')!;
    const extra = new Map(checkpoint.tensors)
      .set('lm_head.weight', embedding)
      .set('model.layers.0.self_attn.rotary_emb.inv_freq', { shape: [2], data: Float32Array.of(1, 2) });
    await writeFile(join(checkpoint.dir, 'model.safetensors'), encodeSafetensors(extra, 'f32'));
    expect((await convert({ from: checkpoint.dir, to: fresh(), bits: 4 })).identity).toBe(plain.identity);
  });

  it.each([
    ['lists a tied head that no file has', { 'lm_head.weight': 'model-00002-of-00002.safetensors' }, false],
    ['does not list the tied head that a file has', {}, true],
  ])('takes an index that %s', async (_, listed, stored) => {
    const checkpoint = await writeCheckpoint(fresh(), { tied: true, shards: 2 });
    const plain = await convert({ from: checkpoint.dir, to: fresh(), bits: 4 });
    const path = join(checkpoint.dir, 'model.safetensors.index.json');
    const index: { weight_map: Record<string, string> } = JSON.parse(await readFile(path, 'utf8'));
    const [first = '', last = ''] = checkpoint.files;
    if (stored) {
      const part = [...checkpoint.tensors].filter(([name]) => index.weight_map[name] === last);
      const head = checkpoint.tensors.get('model.embed_tokens.weight')!;
      const tensors = new Map(part).set('lm_head.weight', head);
      await writeFile(join(checkpoint.dir, last), encodeSafetensors(tensors, 'f32'));
    }
    expect(first).not.toBe(last);
    await writeFile(path, JSON.stringify({ ...index, weight_map: { ...index.weight_map, ...listed } }));
    expect((await convert({ from: checkpoint.dir, to: fresh(), bits: 4 })).identity).toBe(plain.identity);
  });
});
