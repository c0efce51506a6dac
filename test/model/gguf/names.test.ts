// The places of a model's tensors in a GGUF file, and the order of rows that are rotated.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adjacentRow } from '../../../model/config/rope.ts';
import { ggufPlace, isSpareInGguf } from '../../../model/gguf/names.ts';
import { type GgufModel, openGguf } from '../../../model/gguf/read.ts';
import { readGgufPlace } from '../../../model/gguf/read-tensor.ts';
import { ggufBytes, type TensorPart } from './gguf-bytes.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-names-'));
});
afterAll(() => rm(dir, { recursive: true }));

/** Two query heads and one key/value head of four values. */
const sizes = { heads: 2, kvHeads: 1, headDim: 4 };

/** A tensor whose values count from 0. */
const counted = (name: string, ...shape: number[]): TensorPart => {
  const count = shape.reduce((product, length) => product * length, 1);
  const data = Buffer.from(Float32Array.from({ length: count }, (_, i) => i).buffer);
  return { name, dimensions: shape.toReversed(), type: 0, data };
};

async function modelOf(...tensors: TensorPart[]): Promise<GgufModel> {
  const path = join(dir, 'model.gguf');
  await writeFile(path, ggufBytes({ tensors }));
  return openGguf(path);
}

async function read(model: GgufModel, architecture: string, name: string) {
  const place = ggufPlace(model, { architecture, sizes }, name);
  return place === undefined
    ? undefined
    : { shape: place.shape, values: [...(await readGgufPlace(place, sizes.headDim))] };
}

const layer = (rest: string) => `model.layers.3.${rest}`;

describe('ggufPlace', () => {
  it.each([
    ['model.embed_tokens.weight', 'token_embd.weight'],
    ['model.norm.weight', 'output_norm.weight'],
    ['lm_head.weight', 'output.weight'],
    [layer('input_layernorm.weight'), 'blk.3.attn_norm.weight'],
    [layer('self_attn.v_proj.weight'), 'blk.3.attn_v.weight'],
    [layer('self_attn.o_proj.bias'), 'blk.3.attn_output.bias'],
    [layer('self_attn.q_norm.weight'), 'blk.3.attn_q_norm.weight'],
    [layer('self_attn.sinks'), 'blk.3.attn_sinks.weight'],
    [layer('post_attention_layernorm.weight'), 'blk.3.ffn_norm.weight'],
    [layer('post_attention_layernorm.weight'), 'blk.3.post_attention_norm.weight'],
    [layer('mlp.gate.weight'), 'blk.3.ffn_gate_inp.weight'],
    [layer('mlp.gate.bias'), 'blk.3.ffn_gate_inp.bias'],
    [layer('mlp.gate.e_score_correction_bias'), 'blk.3.exp_probs_b.bias'],
    [layer('mlp.up_proj.weight'), 'blk.3.ffn_up.weight'],
    [layer('mlp.shared_expert.down_proj.weight'), 'blk.3.ffn_down_shexp.weight'],
    [layer('mlp.shared_expert_gate.weight'), 'blk.3.ffn_gate_inp_shexp.weight'],
  ])('finds %s in %s', async (name, stored) => {
    const model = await modelOf(counted(stored, 2, 3), counted('other.weight', 2));
    expect(ggufPlace(model, { architecture: 'qwen3moe', sizes }, name)).toEqual({
      tensor: model.tensors.get(stored),
      shape: [2, 3],
    });
  });

  it('finds an expert in a stack, also one with gate and up together', async () => {
    const separate = await modelOf(
      counted('blk.3.ffn_up_exps.weight', 3, 2, 2),
      counted('blk.3.ffn_up_exps.bias', 3, 2),
    );
    expect(await read(separate, 'gpt-oss', layer('mlp.experts.2.up_proj.weight'))).toEqual({
      shape: [2, 2],
      values: [8, 9, 10, 11],
    });
    expect(await read(separate, 'gpt-oss', layer('mlp.experts.1.up_proj.bias'))).toEqual({
      shape: [2],
      values: [2, 3],
    });
    expect(await read(separate, 'gpt-oss', layer('mlp.experts.3.up_proj.weight'))).toBeUndefined();
    const both = await modelOf(counted('blk.3.ffn_gate_up_exps.weight', 2, 4, 1));
    expect(await read(both, 'qwen3moe', layer('mlp.experts.1.gate_proj.weight'))).toEqual({
      shape: [2, 1],
      values: [4, 5],
    });
    expect(await read(both, 'qwen3moe', layer('mlp.experts.1.up_proj.weight'))).toEqual({
      shape: [2, 1],
      values: [6, 7],
    });
  });

  it('finds q, k and v in one matrix', async () => {
    const model = await modelOf(counted('blk.3.attn_qkv.weight', 16, 1));
    const parts = ['q', 'k', 'v'].map((part) =>
      read(model, 'bailingmoe2', layer(`self_attn.${part}_proj.weight`)),
    );
    expect(await Promise.all(parts)).toEqual([
      { shape: [8, 1], values: [0, 1, 2, 3, 4, 5, 6, 7] },
      { shape: [4, 1], values: [8, 9, 10, 11] },
      { shape: [4, 1], values: [12, 13, 14, 15] },
    ]);
  });

  it('finds nothing for a name that it does not know', async () => {
    const model = await modelOf(counted('blk.3.attn_q.weight', 8, 1));
    for (const name of [
      'model.other',
      layer('self_attn.other'),
      layer('mlp.experts.0.other.weight'),
      'blk.3.attn_q.weight',
    ]) {
      expect(ggufPlace(model, { architecture: 'llama', sizes }, name)).toBeUndefined();
    }
  });
});

describe('rotated pairs', () => {
  /** llama.cpp's converter for `llama`, written as loops: of a head's rows, the two halves are interleaved. */
  function interleaved(rows: readonly number[], headDim: number): number[] {
    const out: number[] = [];
    for (let head = 0; head < rows.length; head += headDim) {
      for (let i = 0; i < headDim / 2; i++)
        out.push(rows[head + i] ?? -1, rows[head + headDim / 2 + i] ?? -1);
    }
    return out;
  }

  it('get back the order that the converter changed', () => {
    const rows = Array.from({ length: 24 }, (_, i) => i);
    const stored = interleaved(rows, 8);
    expect(stored.slice(0, 4)).toEqual([0, 4, 1, 5]);
    expect(rows.map((row) => stored[adjacentRow(row, { headDim: 8, rotary: 8 })])).toEqual(rows);
  });

  it('are reordered for q and k of the architectures that rotate adjacent values', async () => {
    const model = await modelOf(
      counted('blk.3.attn_q.weight', 8, 1),
      counted('blk.3.attn_k.bias', 4),
      counted('blk.3.attn_v.weight', 4, 1),
    );
    for (const architecture of ['llama', 'llama4', 'granitemoe', 'ernie4_5-moe']) {
      expect((await read(model, architecture, layer('self_attn.q_proj.weight')))?.values).toEqual([
        0, 2, 1, 3, 4, 6, 5, 7,
      ]);
      expect((await read(model, architecture, layer('self_attn.k_proj.bias')))?.values).toEqual([0, 2, 1, 3]);
      expect((await read(model, architecture, layer('self_attn.v_proj.weight')))?.values).toEqual([
        0, 1, 2, 3,
      ]);
    }
    expect((await read(model, 'qwen3moe', layer('self_attn.q_proj.weight')))?.values).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
  });
});

describe('isSpareInGguf', () => {
  it('holds for frequencies and for layers that only predict further tokens', () => {
    expect(isSpareInGguf('rope_freqs.weight', 4)).toBe(true);
    expect(isSpareInGguf('blk.4.nextn.eh_proj.weight', 4)).toBe(true);
    expect(isSpareInGguf('blk.3.attn_q.weight', 4)).toBe(false);
    expect(isSpareInGguf('output.weight', 4)).toBe(false);
  });
});
