// Converts models in GGUF, and compares the bundle with that of the same checkpoint in safetensors, byte for byte.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { canonicalJson } from '../../../model/bundle/hash.ts';
import { convert } from '../../../model/convert/convert.ts';
import { InputError } from '../../../model/errors.ts';
import { dequantise } from '../../../model/gguf/dequantise.ts';
import { type Checkpoint, type CheckpointOptions, writeCheckpoint } from '../../support/models/checkpoint.ts';
import { uniform } from '../../support/random.ts';
import { type FileParts, ggufBytes, type TensorPart, values } from './gguf-bytes.ts';

let dir: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-convert-'));
});
afterAll(() => rm(dir, { recursive: true }));
const fresh = () => join(dir, String(count++));

/** Names in GGUF files of tensors that every layout has, by the end of the name in the checkpoint. */
const names: Record<string, string> = {
  'input_layernorm.weight': 'attn_norm.weight',
  'self_attn.q_proj.weight': 'attn_q.weight',
  'self_attn.k_proj.weight': 'attn_k.weight',
  'self_attn.v_proj.weight': 'attn_v.weight',
  'self_attn.o_proj.weight': 'attn_output.weight',
  'self_attn.q_norm.weight': 'attn_q_norm.weight',
  'self_attn.k_norm.weight': 'attn_k_norm.weight',
  'post_attention_layernorm.weight': 'ffn_norm.weight',
  'mlp.gate.weight': 'ffn_gate_inp.weight',
  'block_sparse_moe.gate.weight': 'ffn_gate_inp.weight',
};
const wholeNames: Record<string, string> = {
  'model.embed_tokens.weight': 'token_embd.weight',
  'model.norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
};
const experts = [
  { stored: 'ffn_gate_exps', parts: ['gate_proj', 'w1'] },
  { stored: 'ffn_up_exps', parts: ['up_proj', 'w3'] },
  { stored: 'ffn_down_exps', parts: ['down_proj', 'w2'] },
];

const f32 = (name: string, shape: readonly number[], data: Float32Array): TensorPart => ({
  name,
  dimensions: shape.toReversed(),
  type: 0,
  data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
});

/** The order of rows that llama.cpp's converter gives to q and k of `llama`: the halves of each head are interleaved. */
function interleave(data: Float32Array, cols: number, headDim: number): Float32Array {
  const out = new Float32Array(data.length);
  let to = 0;
  for (let head = 0; head < data.length / cols; head += headDim) {
    for (let i = 0; i < headDim / 2; i++) {
      for (const row of [head + i, head + headDim / 2 + i]) {
        out.set(data.subarray(row * cols, (row + 1) * cols), to);
        to += cols;
      }
    }
  }
  return out;
}

/** The checkpoint's tensors as a GGUF file has them. */
function ggufTensors({ config, tensors }: Checkpoint): TensorPart[] {
  const parts: TensorPart[] = [];
  const stacks = new Map<string, { shape: readonly number[]; items: Float32Array[] }>();
  for (const [name, { shape, data }] of tensors) {
    const [, layer, rest = ''] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
    const expert = /\.experts\.\d+\.(\w+)\.weight$/.exec(rest)?.[1];
    const stack = experts.find(({ parts }) => expert !== undefined && parts.includes(expert));
    if (stack !== undefined) {
      const stored = `blk.${layer}.${stack.stored}.weight`;
      const { items = [] } = stacks.get(stored) ?? {};
      stacks.set(stored, { shape, items: [...items, data] });
      continue;
    }
    const isRotated = config.layout === 'mixtral' && /self_attn\.[qk]_proj/.test(name);
    const ordered = isRotated ? interleave(data, config.hidden, config.headDim) : data;
    parts.push(
      f32(
        layer === undefined ? (wholeNames[name] ?? name) : `blk.${layer}.${names[rest] ?? rest}`,
        shape,
        ordered,
      ),
    );
  }
  for (const [name, { shape, items }] of stacks) {
    const data = Float32Array.from(items.flatMap((item) => [...item]));
    parts.push(f32(name, [items.length, ...shape], data));
  }
  return parts;
}

const architectures: Record<string, string> = { mixtral: 'llama', qwen3_moe: 'qwen3moe', olmoe: 'olmoe' };

function ggufKeys({ config }: Checkpoint): FileParts['keys'] {
  const architecture = architectures[config.layout] ?? '';
  const counts = {
    block_count: config.layers,
    context_length: config.context,
    embedding_length: config.hidden,
    feed_forward_length: config.inner,
    expert_feed_forward_length: config.inner,
    expert_count: config.experts,
    expert_used_count: config.expertsPerToken[0] ?? 1,
    'attention.head_count': config.heads,
    'attention.head_count_kv': config.kvHeads,
    'attention.key_length': config.headDim,
    'attention.value_length': config.headDim,
    vocab_size: config.vocab,
  };
  return [
    ['general.architecture', values.string(architecture)],
    ...Object.entries(counts).map(([key, value]) => [`${architecture}.${key}`, values.u32(value)] as const),
    [`${architecture}.attention.layer_norm_rms_epsilon`, values.f32(config.normEps)],
    [`${architecture}.rope.freq_base`, values.f32(config.rope.base)],
  ];
}

async function writeGgufOf(checkpoint: Checkpoint, change: Partial<FileParts> = {}): Promise<string> {
  const path = `${fresh()}.gguf`;
  await writeFile(
    path,
    ggufBytes({ keys: ggufKeys(checkpoint), tensors: ggufTensors(checkpoint), ...change }),
  );
  return path;
}

/** The bundle's weights by file name. */
async function weightsOf(bundle: string): Promise<Map<string, string>> {
  const files = (await readdir(bundle)).filter((name) => name.endsWith('.safetensors'));
  return new Map(
    await Promise.all(
      files.map(async (name) => [name, (await readFile(join(bundle, name))).toString('base64')] as const),
    ),
  );
}

const checkpoints: CheckpointOptions[] = [
  { layout: 'mixtral', k: 2, heads: 4, kvHeads: 2, experts: 4, layers: 2, shards: 2 },
  { layout: 'qwen3_moe', score: 'softmax-renormalised', k: 2, experts: 4, layers: 2, tied: true },
  { layout: 'olmoe', k: 3, experts: 4, layers: 2 },
];

describe('a model in GGUF', () => {
  it.each(checkpoints)('converts to the bytes that its checkpoint %o converts to', async (options) => {
    const checkpoint = await writeCheckpoint(fresh(), options);
    const gguf = await writeGgufOf(checkpoint);
    for (const bits of [32, 4] as const) {
      const [fromGguf, fromCheckpoint] = [fresh(), fresh()];
      const { config } = await convert({ from: gguf, to: fromGguf, bits });
      const expected = await convert({ from: checkpoint.dir, to: fromCheckpoint, bits });
      expect(canonicalJson(config)).toBe(canonicalJson(expected.config));
      expect(await weightsOf(fromGguf)).toEqual(await weightsOf(fromCheckpoint));
    }
  });

  it('keeps the values of quantised tensors at 32 bits', async () => {
    const checkpoint = await writeCheckpoint(fresh(), {
      layout: 'mixtral',
      hidden: 64,
      inner: 32,
      experts: 2,
      layers: 1,
    });
    const random = uniform(5);
    const tensors = ggufTensors(checkpoint).map((tensor): TensorPart => {
      if (!tensor.name.includes('_exps')) return tensor;
      const data = Buffer.from(
        Array.from({ length: (tensor.data.length / 4 / 32) * 20 }, () => Math.floor(random() * 256)),
      );
      // Scales of about 0.1, which are finite.
      for (let block = 0; block < data.length; block += 20) data.writeUInt32LE(0x2e662e66, block);
      return { ...tensor, type: 3, data };
    });
    const to = fresh();
    await convert({ from: await writeGgufOf(checkpoint, { tensors }), to, bits: 32 });
    const bundle = await openBundle(to);
    const { down } = await bundle.readExpert({ layer: 0, expert: 1 });
    const stack = tensors.find(({ name }) => name === 'blk.0.ffn_down_exps.weight')?.data ?? Buffer.alloc(0);
    const expected = new Float32Array(64 * 32);
    dequantise('Q4_1', stack.subarray(stack.length / 2), expected);
    expect(new Float32Array(new Uint8Array(down.data).buffer)).toEqual(expected);
    await bundle.close();
  });

  it('is found in a directory, and must be named if there are several', async () => {
    const checkpoint = await writeCheckpoint(fresh(), { layout: 'olmoe', experts: 2, layers: 1 });
    const folder = await mkdtemp(join(dir, 'models-'));
    const bytes = await readFile(await writeGgufOf(checkpoint));
    await writeFile(join(folder, 'a.gguf'), bytes);
    const { config, hasTokenizer } = await convert({ from: folder, to: fresh(), bits: 8 });
    expect(config.layout).toBe('olmoe');
    expect(hasTokenizer).toBe(false);
    await writeFile(join(folder, 'b.gguf'), bytes);
    await expect(convert({ from: folder, to: fresh(), bits: 8 })).rejects.toThrow(
      'has 2 models in GGUF; name the file',
    );
  });

  it.each<[string, (tensors: TensorPart[]) => TensorPart[], string]>([
    [
      'lacks a tensor',
      (tensors) => tensors.filter(({ name }) => name !== 'blk.0.attn_v.weight'),
      'tensor blk.0.attn_v.weight: is missing, though its metadata describes it',
    ],
    [
      'has a tensor too many',
      (tensors) => [...tensors, f32('blk.0.other.weight', [1], new Float32Array(1))],
      'tensor blk.0.other.weight: is not part of the model',
    ],
    [
      'has a tensor of another shape',
      (tensors) =>
        tensors.map((tensor) =>
          tensor.name === 'output_norm.weight'
            ? { ...tensor, dimensions: [8, 1], data: Buffer.alloc(32) }
            : tensor,
        ),
      'tensor output_norm.weight: has the shape [1,8] for model.norm.weight; its metadata describes',
    ],
    [
      'has a tensor of a type that is not read',
      (tensors) =>
        tensors.map((tensor) => (tensor.name === 'output_norm.weight' ? { ...tensor, type: 26 } : tensor)),
      'tensor output_norm.weight: has type I32; F32, F16, ',
    ],
    [
      'has a value that is not finite',
      (tensors) =>
        tensors.map((tensor) =>
          tensor.name === 'blk.0.ffn_up_exps.weight'
            ? { ...tensor, data: Buffer.alloc(tensor.data.length, 0xff) }
            : tensor,
        ),
      'tensor blk.0.ffn_up_exps.weight: holds NaN at element 0',
    ],
  ])('that %s is refused by name, and leaves no bundle', async (_, change, message) => {
    const checkpoint = await writeCheckpoint(fresh(), { layout: 'olmoe', experts: 2, layers: 1 });
    const from = await writeGgufOf(checkpoint, { tensors: change(ggufTensors(checkpoint)) });
    const to = fresh();
    const run = convert({ from, to, bits: 8 });
    await expect(run).rejects.toThrow(InputError);
    await expect(run).rejects.toThrow(message);
    expect(await readdir(dir)).not.toContain(to);
  });
});
