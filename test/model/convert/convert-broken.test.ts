// Broken checkpoints and wrong configs. Each is refused in one line that names file and tensor or field, and leaves no bundle.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bits } from '../../../model/bundle/tensors.ts';
import { convert } from '../../../model/convert/convert.ts';
import { InputError } from '../../../model/errors.ts';
import { type Checkpoint, type CheckpointOptions, writeCheckpoint } from '../../support/models/checkpoint.ts';
import { encodeSafetensors, type FloatTensor } from '../../support/models/safetensors-writer.ts';

let dir: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'broken-'));
});
afterAll(() => rm(dir, { recursive: true }));
const fresh = () => join(dir, String(count++));

const norm = 'model.layers.1.input_layernorm.weight';
const up = 'model.layers.0.mlp.experts.5.up_proj.weight';
const index = 'model.safetensors.index.json';

/** Rewrites the weights with some tensors changed, added or (undefined) left out. */
const change = (changes: Record<string, FloatTensor | undefined>) => async (checkpoint: Checkpoint) => {
  const tensors = new Map(checkpoint.tensors);
  for (const [name, tensor] of Object.entries(changes)) {
    if (tensor === undefined) tensors.delete(name);
    else tensors.set(name, tensor);
  }
  await writeFile(join(checkpoint.dir, 'model.safetensors'), encodeSafetensors(tensors, checkpoint.dtype));
};

/** Rewrites fields of config.json (undefined: left out). */
const lie =
  (fields: Record<string, unknown>) =>
  async ({ dir: from, json }: Checkpoint) => {
    await writeFile(join(from, 'config.json'), JSON.stringify({ ...json, ...fields }));
  };

/** Replaces a text in a file by another text of the same length. */
const edit = (name: string, from: string, to: string) => async (checkpoint: Checkpoint) => {
  const path = join(checkpoint.dir, name);
  const text = await readFile(path, 'latin1');
  if (!text.includes(from)) throw new Error(`no ${from} in ${name}`);
  await writeFile(path, text.replace(from, to), 'latin1');
};

/** Rewrites the last file of weights without the head, although the index still lists the head there. */
const withoutHead = async ({ dir: from, tensors, files, dtype }: Checkpoint) => {
  const listed: Record<string, string> = JSON.parse(await readFile(join(from, index), 'utf8')).weight_map;
  const last = files.at(-1) ?? '';
  const kept = [...tensors].filter(([name]) => listed[name] === last && name !== 'lm_head.weight');
  await writeFile(join(from, last), encodeSafetensors(new Map(kept), dtype));
};

const poison = (name: string, value: number) => async (checkpoint: Checkpoint) => {
  const { shape, data } = checkpoint.tensors.get(name)!;
  const poisoned = data.slice();
  poisoned[7] = value;
  const tensors = new Map(checkpoint.tensors).set(name, { shape, data: poisoned });
  await writeFile(join(checkpoint.dir, 'model.safetensors'), encodeSafetensors(tensors, 'f32'));
};

interface Broken {
  what: string;
  options?: CheckpointOptions;
  bits?: Bits;
  breakIt: (checkpoint: Checkpoint) => Promise<unknown>;
  /** Texts that the error's message must contain. */
  named: string[];
}

const ones = (...shape: number[]): FloatTensor => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1),
});

const cases: Broken[] = [
  {
    what: 'a truncated file',
    breakIt: ({ dir: from }) => truncate(join(from, 'model.safetensors'), 100_000),
    named: ['model.safetensors', 'tensor model.layers.', 'truncated'],
  },
  {
    what: 'a file cut within its header',
    breakIt: ({ dir: from }) => truncate(join(from, 'model.safetensors'), 500),
    named: ['model.safetensors', 'its header claims'],
  },
  {
    what: 'offsets past the end',
    breakIt: edit('model.safetensors', '"data_offsets":[0,', '"data_offsets":[9,'),
    named: ['model.safetensors', 'tensor model.embed_tokens.weight', 'data_offsets'],
  },
  {
    what: 'a header that is not JSON',
    breakIt: edit('model.safetensors', '"__metadata__":', '"__metadata__"!'),
    named: ['model.safetensors', 'not JSON'],
  },
  {
    what: 'a missing tensor',
    breakIt: change({ [up]: undefined }),
    named: ['model.safetensors', `tensor ${up}`, 'is missing'],
  },
  {
    what: 'a tensor of another model',
    breakIt: change({ 'model.layers.0.mlp.shared_expert.up_proj.weight': ones(4, 4) }),
    named: [
      'model.safetensors',
      'tensor model.layers.0.mlp.shared_expert.up_proj.weight',
      'not part of the model',
    ],
  },
  {
    what: 'experts that are stacked in one square tensor',
    options: { inner: 64 },
    breakIt: change({
      ...Object.fromEntries(
        Array.from({ length: 8 }, (_, e) => [`model.layers.0.mlp.experts.${e}.down_proj.weight`, undefined]),
      ),
      'model.layers.0.mlp.experts.down_proj': ones(8, 64, 64),
    }),
    named: [
      'model.safetensors: tensor model.layers.0.mlp.experts.down_proj: has shape [8,64,64]',
      'cannot be told apart',
    ],
  },
  {
    what: 'experts that are stacked in one tensor of another size',
    breakIt: change({
      ...Object.fromEntries(
        Array.from({ length: 8 }, (_, e) => [`model.layers.0.mlp.experts.${e}.down_proj.weight`, undefined]),
      ),
      'model.layers.0.mlp.experts.down_proj': ones(8, 64, 33),
    }),
    named: [
      'model.safetensors: tensor model.layers.0.mlp.experts.down_proj: has shape [8,64,33]; config.json describes [8,64,32]',
    ],
  },
  {
    what: 'an untied head that the index lists but no file has',
    options: { shards: 2 },
    breakIt: withoutHead,
    named: ['tensor lm_head.weight', 'is missing, though model.safetensors.index.json lists it'],
  },
  {
    what: 'a bias that the config does not mention',
    breakIt: change({ 'model.layers.0.self_attn.q_proj.bias': ones(64) }),
    named: ['tensor model.layers.0.self_attn.q_proj.bias', 'not part'],
  },
  {
    what: 'a wrong shape',
    breakIt: change({ [norm]: ones(63) }),
    named: ['model.safetensors', `tensor ${norm}`, 'shape [63]', '[64]'],
  },
  {
    what: 'a transposed matrix',
    breakIt: change({ [up]: ones(64, 32) }),
    named: [`tensor ${up}`, 'shape [64,32]', '[32,64]'],
  },
  {
    what: 'a wrong dtype',
    breakIt: edit('model.safetensors', `"${norm}":{"dtype":"F32"`, `"${norm}":{"dtype":"I32"`),
    named: ['model.safetensors', `tensor ${norm}`, 'dtype I32'],
  },
  {
    what: 'a NaN weight',
    breakIt: poison(up, Number.NaN),
    named: ['model.safetensors', `tensor ${up}`, 'holds NaN'],
  },
  {
    what: 'an infinite norm at 32 bits',
    bits: 32,
    breakIt: poison(norm, Number.POSITIVE_INFINITY),
    named: ['model.safetensors', `tensor ${norm}`, 'holds Infinity'],
  },
  {
    what: 'a value that float16 cannot hold',
    bits: 16,
    breakIt: poison(up, 70_000),
    named: ['model.safetensors', `tensor ${up}`, 'holds 70000', 'float16'],
  },
  {
    what: 'a config with too few layers',
    breakIt: lie({ num_hidden_layers: 1 }),
    named: ['model.safetensors', 'tensor model.layers.1.', 'not part of the model'],
  },
  {
    what: 'a config with too many layers',
    breakIt: lie({ num_hidden_layers: 3 }),
    named: ['tensor model.layers.2.', 'is missing'],
  },
  {
    what: 'a config with too many experts',
    breakIt: lie({ num_experts: 9 }),
    named: ['tensor model.layers.0.mlp.gate.weight', 'has shape [8,64]', '[9,64]'],
  },
  {
    what: 'a config with another head_dim',
    breakIt: lie({ head_dim: 32 }),
    named: ['tensor model.layers.0.self_attn.q_', 'shape', '64'],
  },
  {
    what: 'a config with another vocab_size',
    breakIt: lie({ vocab_size: 1000 }),
    named: ['tensor model.embed_tokens.weight', '[1000,64]'],
  },
  {
    what: 'a head that differs from the embedding, though the config ties them',
    breakIt: lie({ tie_word_embeddings: true }),
    named: ['tensor lm_head.weight', 'differs from the embedding'],
  },
  {
    what: 'sigmoid scores without their bias',
    breakIt: lie({ scoring_func: 'sigmoid' }),
    named: ['tensor model.layers.0.mlp.gate.e_score_correction_bias', 'is missing'],
  },
  {
    what: 'an unsupported config',
    breakIt: lie({ clip_qkv: 8 }),
    named: ['config.json', 'field clip_qkv'],
  },
  {
    what: 'no config',
    breakIt: ({ dir: from }) => rm(join(from, 'config.json')),
    named: ['config.json', 'is missing'],
  },
  {
    what: 'a config that is not JSON',
    breakIt: ({ dir: from }) => writeFile(join(from, 'config.json'), '{"model_type": '),
    named: ['config.json', 'is not JSON'],
  },
  {
    what: 'no weights',
    breakIt: ({ dir: from }) => rm(join(from, 'model.safetensors')),
    named: ['model.safetensors', 'is missing', 'only safetensors'],
  },
  {
    what: 'a missing weight file that the index names',
    options: { shards: 3 },
    breakIt: ({ dir: from }) => rm(join(from, 'model-00002-of-00003.safetensors')),
    named: ['model-00002-of-00003.safetensors', 'is missing', 'index'],
  },
  {
    what: 'several weight files without an index',
    options: { shards: 2 },
    breakIt: ({ dir: from }) => rm(join(from, index)),
    named: ['model.safetensors', 'is missing'],
  },
  {
    what: 'an index that is not JSON',
    options: { shards: 2 },
    breakIt: ({ dir: from }) => writeFile(join(from, index), 'x'),
    named: [index, 'is not JSON'],
  },
  {
    what: 'an index that leads out of the directory',
    options: { shards: 2 },
    breakIt: ({ dir: from }) =>
      writeFile(join(from, index), '{"weight_map":{"w":"../../elsewhere.safetensors"}}'),
    named: [index, 'tensor w', 'not the name of a file'],
  },
  {
    what: 'an index that names the wrong weight file for a tensor',
    options: { shards: 2 },
    breakIt: edit(index, `"${norm}": "model-00001`, `"${norm}": "model-00002`),
    named: [`tensor ${norm}`, 'is not where', 'model-00001-of-00002.safetensors'],
  },
];

describe('convert refuses', () => {
  it.each(cases)('$what', async ({ options, bits = 4, breakIt, named }) => {
    const checkpoint = await writeCheckpoint(fresh(), { vocab: 50, ...options });
    await breakIt(checkpoint);
    const to = fresh();
    const message = await convert({ from: checkpoint.dir, to, bits }).then(
      () => 'converted',
      (error: unknown) => {
        expect(error).toBeInstanceOf(InputError);
        return error instanceof Error ? error.message : '';
      },
    );
    for (const part of named) expect(message).toContain(part);
    expect(message).not.toContain('\n');
    expect(existsSync(to)).toBe(false);
  });

  it('a target directory that is not empty', async () => {
    const { dir: from } = await writeCheckpoint(fresh(), { vocab: 50 });
    const to = fresh();
    await mkdir(to);
    await convert({ from, to, bits: 4 }); // an empty directory is accepted
    await expect(convert({ from, to, bits: 4 })).rejects.toThrow(`${to}: exists and is not empty`);
  });
});
