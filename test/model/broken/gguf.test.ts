// Models in GGUF whose header, metadata or tensors are wrong.
import { writeFile } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';
import { convert } from '../../../model/convert/convert.ts';
import { values } from '../gguf/gguf-bytes.ts';
import { expectRefusal, freshPaths } from './break.ts';
import { experts, file, hidden, inner, key, shaped, tensor, tokenizer } from './gguf-parts.ts';

const fresh = freshPaths();

const cases: [what: string, bytes: () => Buffer, says: string][] = [
  [
    'an empty file',
    () => Buffer.alloc(0),
    'NAME.gguf: header: ends at byte 4 of a file with 0: the file is truncated',
  ],
  [
    'another format',
    () => Buffer.from('PK\x03\x04 and more bytes than a header'),
    'NAME.gguf: header: does not begin with "GGUF": not a GGUF file',
  ],
  [
    'a header that is cut',
    () => file({}).subarray(0, 400),
    'NAME.gguf: key 10 of 15: ends at byte 405 of a file with 400: the file is truncated',
  ],
  [
    'data that is cut',
    () => file({}).subarray(0, 40_000),
    'NAME.gguf: tensor blk.0.attn_k.weight: ends at byte 47168 of a file with 40000: the file is truncated',
  ],
  [
    'an unknown architecture',
    () => file({ architecture: 'mamba2' }),
    'NAME.gguf: key general.architecture: "mamba2" is not supported (llama, qwen2moe, qwen3moe, olmoe, gpt-oss, granitemoe, glm4moe, llama4, ernie4_5-moe, dots1, hunyuan-moe, minimax-m2, bailingmoe2 are)',
  ],
  [
    'a dense model',
    () =>
      file({
        architecture: 'llama',
        keys: {
          expert_count: undefined,
          expert_used_count: undefined,
          expert_feed_forward_length: undefined,
        },
      }),
    'NAME.gguf: is a dense model, and only mixtures of experts are served. scripts/spread.ts makes one of it (docs/gguf.md)',
  ],
  [
    'no architecture',
    () => file({ whole: { 'general.architecture': undefined } }),
    'NAME.gguf: key general.architecture: is missing',
  ],
  [
    'a key that is not known',
    () => key('attention.clamp_kqv', values.f32(8)),
    'NAME.gguf: key qwen3moe.attention.clamp_kqv: is not known in the architecture qwen3moe',
  ],
  [
    'no number of experts',
    () => key('expert_count', undefined),
    'NAME.gguf: key qwen3moe.expert_count: is missing',
  ],
  [
    'more experts than are stored',
    () => key('expert_count', values.u32(6)),
    'NAME.gguf: tensor blk.0.ffn_gate_inp.weight: has the shape [4,64] for model.layers.0.mlp.gate.weight; its metadata describes [6,64]',
  ],
  [
    'fewer experts than are stored',
    () => key('expert_count', values.u32(2)),
    'NAME.gguf: tensor blk.0.ffn_gate_inp.weight: has the shape [4,64] for model.layers.0.mlp.gate.weight; its metadata describes [2,64]',
  ],
  [
    '2^32 - 1 experts',
    () => key('expert_count', values.u32(2 ** 32 - 1)),
    'NAME.gguf: field num_experts: is 4294967295, not a whole number from 1 to 16777216',
  ],
  [
    'more experts per token than experts',
    () => key('expert_used_count', values.u32(5)),
    'NAME.gguf: field num_experts_per_tok: 5 is not a whole number from 1 to the 4 experts',
  ],
  [
    '0 heads',
    () => key('attention.head_count', values.u32(0)),
    'NAME.gguf: field num_attention_heads: is 0, not a whole number from 1 to 16777216',
  ],
  [
    'other heads',
    () => key('attention.head_count', values.u32(8)),
    'NAME.gguf: tensor blk.0.attn_q.weight: has the shape [64,64] for model.layers.0.self_attn.q_proj.weight; its metadata describes [128,64]',
  ],
  [
    'other key/value heads',
    () => key('attention.head_count_kv', values.u32(4)),
    'NAME.gguf: tensor blk.0.attn_k.weight: has the shape [32,64] for model.layers.0.self_attn.k_proj.weight; its metadata describes [64,64]',
  ],
  [
    'heads of each layer',
    () => key('attention.head_count_kv', values.i32s([2, 4])),
    'NAME.gguf: key qwen3moe.attention.head_count_kv: is [2,4], not one whole number for all layers',
  ],
  [
    'heads of another width',
    () => key('attention.key_length', values.u32(32)),
    'NAME.gguf: key qwen3moe.attention.value_length: differs from the 32 values of a key, which is not supported',
  ],
  [
    '2^32 - 1 layers',
    () => key('block_count', values.u32(2 ** 32 - 1)),
    'NAME.gguf: key qwen3moe.block_count: leaves 4294967295 layers; 1 to 4096 are supported',
  ],
  [
    'a layer too many',
    () => key('block_count', values.u32(2)),
    'NAME.gguf: tensor blk.1.attn_norm.weight: is missing, though its metadata describes it',
  ],
  [
    'a huge width',
    () => key('embedding_length', values.u32(2 ** 24)),
    'NAME.gguf: tensor token_embd.weight: has the shape [40,64] for model.embed_tokens.weight; its metadata describes [40,16777216]',
  ],
  [
    'a negative epsilon',
    () => key('attention.layer_norm_rms_epsilon', values.f32(-1)),
    'NAME.gguf: field rms_norm_eps: is -1, not a number above 0',
  ],
  [
    'another vocabulary',
    () => key('vocab_size', values.u32(50)),
    'NAME.gguf: tensor token_embd.weight: has the shape [40,64] for model.embed_tokens.weight; its metadata describes [50,64]',
  ],
  [
    'no embedding',
    () => tensor('token_embd.weight', undefined),
    'NAME.gguf: tensor token_embd.weight: is missing',
  ],
  [
    'no stack of down',
    () => tensor('blk.0.ffn_down_exps.weight', undefined),
    'NAME.gguf: tensor blk.0.ffn_down_exps.weight: is missing, though its metadata describes it',
  ],
  [
    'no router',
    () => tensor('blk.0.ffn_gate_inp.weight', undefined),
    'NAME.gguf: tensor blk.0.ffn_gate_inp.weight: is missing, though its metadata describes it',
  ],
  [
    'no norm of k',
    () => tensor('blk.0.attn_k_norm.weight', undefined),
    'NAME.gguf: tensor blk.0.attn_k_norm.weight: is missing, though its metadata describes it',
  ],
  [
    'a stack of another height',
    () => tensor('blk.0.ffn_up_exps.weight', shaped(experts, 31, hidden)),
    'NAME.gguf: tensor blk.0.ffn_up_exps.weight: has the shape [31,64] for model.layers.0.mlp.experts.0.up_proj.weight; its metadata describes [32,64]',
  ],
  [
    'a stack that is a matrix',
    () => tensor('blk.0.ffn_up_exps.weight', shaped(inner, hidden)),
    'NAME.gguf: tensor blk.0.ffn_up_exps.weight: has the shape [64] for model.layers.0.mlp.experts.0.up_proj.weight; its metadata describes [32,64]',
  ],
  [
    'a fused q, k and v of other heads',
    () =>
      file({
        tensors: {
          'blk.0.attn_q.weight': undefined,
          'blk.0.attn_k.weight': undefined,
          'blk.0.attn_v.weight': undefined,
          'blk.0.attn_qkv.weight': shaped(120, hidden),
        },
      }),
    'NAME.gguf: tensor blk.0.attn_qkv.weight: has the shape [120,64], which is not that of q, k and v together',
  ],
  [
    'q that is fused as well',
    () => tensor('blk.0.attn_qkv.weight', shaped(128, hidden)),
    'NAME.gguf: tensor blk.0.attn_qkv.weight: is not part of the model that its metadata describes',
  ],
  [
    'a tensor of an unknown type',
    () => tensor('output_norm.weight', { type: 99 }),
    'NAME.gguf: tensor output_norm.weight: has the unknown type 99',
  ],
  [
    'a tensor of a removed type',
    () => tensor('output_norm.weight', { type: 31 }),
    'NAME.gguf: tensor output_norm.weight: has the unknown type 31',
  ],
  [
    'a type that is not read',
    () => tensor('blk.0.ffn_up_exps.weight', { type: 24 }),
    'NAME.gguf: tensor blk.0.ffn_up_exps.weight: has type I8; F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K, IQ4_NL, IQ4_XS, MXFP4 are read',
  ],
  [
    'blocks that do not fill a row',
    () => tensor('blk.0.attn_q_norm.weight', { type: 8 }),
    'NAME.gguf: tensor blk.0.attn_q_norm.weight: its rows of 16 values are no whole number of Q8_0 blocks of 32',
  ],
  [
    'an impossible shape',
    () => tensor('output_norm.weight', { dimensions: [2n ** 62n, 4] }),
    'NAME.gguf: tensor output_norm.weight: has the impossible size 4611686018427387904',
  ],
  [
    'a NaN scale of Q8_0',
    () => tensor('blk.0.attn_v.weight', { type: 8, data: Buffer.alloc(64 * 34, 0xff) }),
    'NAME.gguf: tensor blk.0.attn_v.weight: holds NaN at element 0 of a slice',
  ],
  [
    'an infinite norm',
    () =>
      tensor('blk.0.attn_norm.weight', {
        data: Buffer.from(new Float32Array(64).fill(Number.POSITIVE_INFINITY).buffer),
      }),
    'NAME.gguf: tensor blk.0.attn_norm.weight: holds Infinity at element 0 of a slice',
  ],
  [
    'a tensor of another model',
    () => tensor('blk.0.ssm_in.weight', shaped(4, 4)),
    'NAME.gguf: tensor blk.0.ssm_in.weight: is not part of the model that its metadata describes',
  ],
];

describe(`a broken model in GGUF is refused by name (${cases.length + 2} kinds)`, () => {
  it.each(cases)('%s', async (_, bytes, says) => {
    const from = `${fresh()}.gguf`;
    await writeFile(from, bytes());
    await expectRefusal(from, fresh(), { says, bits: 8 });
  });

  it('a split model of which a file is missing', async () => {
    const stem = fresh();
    const from = `${stem}-00001-of-00002.gguf`;
    const split = { 'split.no': values.u16(0), 'split.count': values.u16(2) };
    await writeFile(from, file({ whole: split }));
    await expectRefusal(from, fresh(), { says: `${stem}-00002-of-00002.gguf: is missing` });
  });

  it('a split model under the name of a whole one', async () => {
    const from = `${fresh()}.gguf`;
    await writeFile(from, file({ whole: { 'split.no': values.u16(0), 'split.count': values.u16(2) } }));
    await expectRefusal(from, fresh(), {
      says: 'NAME.gguf: is file 1 of 2 by its keys split.no and split.count, but not by its name. Keep the names that gguf-split gave the files.',
    });
  });

  it('and the same file without a fault is converted', async () => {
    const from = `${fresh()}.gguf`;
    await writeFile(from, file({ whole: tokenizer }));
    const { config, hasTokenizer } = await convert({ from, to: fresh(), bits: 8 });
    expect([config.layout, config.experts, hasTokenizer]).toEqual(['qwen3_moe', experts, true]);
  });
});
