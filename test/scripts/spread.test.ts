// scripts/spread.ts: a dense Llama model in GGUF becomes a Mixtral checkpoint of equal experts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBundle } from '../../model/bundle/bundle.ts';
import { convert } from '../../model/convert/convert.ts';
import { dequantize } from '../../model/tiles.ts';
import { spread } from '../../scripts/spread.ts';
import { ggufBytes, type TensorPart, values } from '../model/gguf/gguf-bytes.ts';
import { uniform } from '../support/random.ts';

const [hidden, inner, vocab] = [32, 64, 40];
const random = uniform(3);

/** Values of float16, so that experts keep them exactly. */
function tensor(name: string, ...shape: number[]): TensorPart & { floats: Float32Array } {
  const count = shape.reduce((product, length) => product * length, 1);
  const floats = Float32Array.from({ length: count }, () => Math.round(random() * 512) / 512);
  return { name, dimensions: shape.toReversed(), type: 0, data: Buffer.from(floats.buffer), floats };
}

const down = tensor('blk.0.ffn_down.weight', hidden, inner);
const tensors = [
  tensor('token_embd.weight', vocab, hidden),
  tensor('output_norm.weight', hidden),
  tensor('blk.0.attn_norm.weight', hidden),
  tensor('blk.0.ffn_norm.weight', hidden),
  ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) =>
    tensor(`blk.0.${name}.weight`, hidden, hidden),
  ),
  tensor('blk.0.ffn_gate.weight', inner, hidden),
  tensor('blk.0.ffn_up.weight', inner, hidden),
  down,
];

const counts = { block_count: 1, context_length: 64, embedding_length: hidden, feed_forward_length: inner };
const keys = [
  ['general.architecture', values.string('llama')],
  ...Object.entries(counts).map(([key, value]) => [`llama.${key}`, values.u32(value)] as const),
  ['llama.attention.head_count', values.u32(2)],
  ['llama.attention.layer_norm_rms_epsilon', values.f32(1e-5)],
] as const;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spread-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function spreadOf(name: string, more: readonly TensorPart[]): Promise<string> {
  const [from, to] = [join(dir, `${name}.gguf`), join(dir, name)];
  await writeFile(from, ggufBytes({ keys, tensors: [...tensors, ...more] }));
  await spread({ from, to, experts: 3, seed: 1, print: () => {} });
  return to;
}

it('every expert is the dense model, and router rows are equally long', async () => {
  const to = join(dir, 'bundle');
  const { config } = await convert({ from: await spreadOf('tiny', []), to, bits: 32, workers: 1 });
  expect(config).toMatchObject({ layout: 'mixtral', experts: 3, expertsPerToken: [1], tiedEmbeddings: true });
  const bundle = await openBundle(to);
  for (const expert of [0, 2]) {
    expect(dequantize((await bundle.readExpert({ layer: 0, expert })).down)).toEqual(down.floats);
  }
  const router = await bundle.readVector('model.layers.0.mlp.gate.weight');
  const lengths = [0, 1, 2].map((row) => Math.hypot(...router.subarray(row * hidden, (row + 1) * hidden)));
  for (const length of lengths) expect(length).toBeCloseTo(Math.sqrt(hidden), 4);
  await bundle.close();
});

it("a model that Mixtral's layout cannot express is refused with its file's name", async () => {
  await expect(spreadOf('biased', [tensor('blk.0.attn_q.bias', hidden)])).rejects.toThrow(
    "biased.gguf: attention_bias is true; Mixtral's layout has no biases",
  );
});
