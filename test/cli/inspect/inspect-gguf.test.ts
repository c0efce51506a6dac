// What `expertgrid inspect` says about a model in GGUF, whose tokenizer is in the same file.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeInspection } from '../../../cli/inspect/describe.ts';
import { inspect } from '../../../cli/inspect/inspect.ts';
import { byteSymbols } from '../../../model/tokenizer/byte-level.ts';
import { ggufBytes, type TensorPart, values } from '../../model/gguf/gguf-bytes.ts';

const memory = 256 * 2 ** 20;
const [hidden, inner, experts, vocab] = [32, 32, 2, 256];

const tensor = (name: string, ...shape: number[]): TensorPart => ({
  name,
  dimensions: shape.toReversed(),
  type: 0,
  data: Buffer.alloc(4 * shape.reduce((product, length) => product * length, 1)),
});

const tensors = [
  tensor('token_embd.weight', vocab, hidden),
  tensor('output_norm.weight', hidden),
  tensor('blk.0.attn_norm.weight', hidden),
  tensor('blk.0.ffn_norm.weight', hidden),
  ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) =>
    tensor(`blk.0.${name}.weight`, hidden, hidden),
  ),
  tensor('blk.0.ffn_gate_inp.weight', experts, hidden),
  tensor('blk.0.ffn_gate_exps.weight', experts, inner, hidden),
  tensor('blk.0.ffn_up_exps.weight', experts, inner, hidden),
  tensor('blk.0.ffn_down_exps.weight', experts, hidden, inner),
];

const counts = {
  ...{ block_count: 1, context_length: 64, embedding_length: hidden, feed_forward_length: inner },
  ...{ expert_count: experts, expert_used_count: 1, 'attention.head_count': 2 },
};

const keys = [
  ['general.architecture', values.string('llama')],
  ...Object.entries(counts).map(([key, value]) => [`llama.${key}`, values.u32(value)] as const),
  ['llama.attention.layer_norm_rms_epsilon', values.f32(1e-5)],
  ['tokenizer.ggml.model', values.string('gpt2')],
  ['tokenizer.ggml.pre', values.string('gpt-2')],
  ['tokenizer.ggml.tokens', values.strings(byteSymbols())],
  ['tokenizer.ggml.merges', values.strings([])],
  ['tokenizer.ggml.eos_token_id', values.u32(0)],
  ['tokenizer.chat_template', values.string('{{ messages[0].content }}')],
] as const;

it('a model in GGUF is served with the tokenizer and the template of its metadata', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'inspect-gguf-'));
  try {
    const path = join(dir, 'tiny.gguf');
    await writeFile(path, ggufBytes({ keys, tensors }));
    for (const from of [path, dir]) {
      const found = await inspect(from, memory);
      expect(found).toMatchObject({ is: 'a model in GGUF', served: true, model: { layout: 'mixtral' } });
      expect(found.files).toContainEqual(['tokenizer', 'yes']);
      expect(found.files).toContainEqual(['chat template', 'yes']);
      expect(describeInspection(found, memory)).toContain('It will be served.');
    }
    await writeFile(path, 'GGUF, but not a model');
    expect(await inspect(path, memory)).toMatchObject({ is: 'a model in GGUF', served: false });
  } finally {
    await rm(dir, { recursive: true });
  }
});
