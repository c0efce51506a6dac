// Writes a GGUF file of random Q4_0 weights at any shape of llama.cpp's `qwen3moe`, for load and speed.
//
// Deviations are those of `expertgrid synth`, so that activations stay near 1 and the router spreads rows as there.
// llama.cpp divides the chosen weights by their sum: with one expert a token its weight is 1.
import { rename } from 'node:fs/promises';
import { numberToHalf } from '../../model/floats.ts';
import { type GgufTensor, type GgufValue, type TensorType, tensorTypes, writeGguf } from './gguf-format.ts';

export interface RandomShape {
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  experts: number;
  /** k of each layer; llama.cpp has one for all. */
  expertsPerToken: readonly number[];
  inner: number;
  vocab: number;
  context: number;
  normEps: number;
  rope: { base: number };
}

/** Deviation of a whole number drawn evenly from -8 … 7. */
const NIBBLE_DEVIATION = Math.sqrt((16 ** 2 - 1) / 12);

/** Writes `to`; what is there under that name is whole. */
export async function writeRandomGguf(
  shape: RandomShape,
  { to, onTensor = () => {} }: { to: string; onTensor?: (done: number, total: number) => void },
): Promise<void> {
  const tensors = tensorsOf(shape);
  const counted = tensors.map((tensor, index) => {
    const read = () => {
      onTensor(index, tensors.length);
      return tensor.read();
    };
    return { ...tensor, read };
  });
  await writeGguf(`${to}.partial`, { ...modelMetadata(shape), ...vocabMetadata(shape.vocab) }, counted);
  await rename(`${to}.partial`, to);
  onTensor(tensors.length, tensors.length);
}

/** Bytes of the tensors; the header adds a few megabytes. */
export function randomGgufBytes(shape: RandomShape): number {
  return tensorsOf(shape).reduce((total, tensor) => total + bytesOf(tensor.shape, tensor.type ?? 'f32'), 0);
}

function tensorsOf(shape: RandomShape): GgufTensor[] {
  const { hidden, layers, heads, kvHeads, headDim, experts, inner, vocab } = shape;
  let seed = 1;
  const norm = (name: string, width: number): GgufTensor => {
    return {
      name: `${name}.weight`,
      shape: [width],
      read: async () => floats(width, { mean: 1, deviation: 0.1, seed: seed++ }),
    };
  };
  const matrix = (
    name: string,
    dims: readonly number[],
    deviation = 1 / Math.sqrt(dims.at(-1) ?? 1),
  ): GgufTensor => {
    return {
      name: `${name}.weight`,
      shape: dims,
      type: 'q4_0',
      read: async () => blocks(dims, { deviation, seed: seed++ }),
    };
  };
  const layer = (l: number): GgufTensor[] => {
    const block = `blk.${l}`;
    const deviation = 1.5 / Math.sqrt(hidden);
    return [
      norm(`${block}.attn_norm`, hidden),
      matrix(`${block}.attn_q`, [heads * headDim, hidden]),
      matrix(`${block}.attn_k`, [kvHeads * headDim, hidden]),
      matrix(`${block}.attn_v`, [kvHeads * headDim, hidden]),
      matrix(`${block}.attn_output`, [hidden, heads * headDim]),
      norm(`${block}.attn_q_norm`, headDim),
      norm(`${block}.attn_k_norm`, headDim),
      norm(`${block}.ffn_norm`, hidden),
      {
        name: `${block}.ffn_gate_inp.weight`,
        shape: [experts, hidden],
        read: async () => floats(experts * hidden, { mean: 0, deviation, seed: seed++ }),
      },
      matrix(`${block}.ffn_gate_exps`, [experts, inner, hidden]),
      matrix(`${block}.ffn_up_exps`, [experts, inner, hidden]),
      matrix(`${block}.ffn_down_exps`, [experts, hidden, inner]),
    ];
  };
  return [
    matrix('token_embd', [vocab, hidden], 1),
    norm('output_norm', hidden),
    matrix('output', [vocab, hidden]),
    ...Array.from({ length: layers }, (_, l) => layer(l)).flat(),
  ];
}

function modelMetadata(shape: RandomShape): Record<string, GgufValue> {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const f32 = (value: number): GgufValue => ({ type: 'f32', value });
  const [k = 1] = shape.expertsPerToken;
  if (shape.expertsPerToken.some((each) => each !== k)) {
    throw new Error('num_experts_per_tok: llama.cpp has one number for all layers');
  }
  return {
    'general.architecture': { type: 'string', value: 'qwen3moe' },
    'general.alignment': u32(32),
    'general.file_type': u32(2), // mostly Q4_0
    'general.quantization_version': u32(2),
    'qwen3moe.context_length': u32(shape.context),
    'qwen3moe.embedding_length': u32(shape.hidden),
    'qwen3moe.block_count': u32(shape.layers),
    'qwen3moe.feed_forward_length': u32(shape.inner),
    'qwen3moe.expert_feed_forward_length': u32(shape.inner),
    'qwen3moe.expert_count': u32(shape.experts),
    'qwen3moe.expert_used_count': u32(k),
    'qwen3moe.attention.head_count': u32(shape.heads),
    'qwen3moe.attention.head_count_kv': u32(shape.kvHeads),
    'qwen3moe.attention.key_length': u32(shape.headDim),
    'qwen3moe.attention.value_length': u32(shape.headDim),
    'qwen3moe.attention.layer_norm_rms_epsilon': f32(shape.normEps),
    'qwen3moe.rope.freq_base': f32(shape.rope.base),
    'qwen3moe.vocab_size': u32(shape.vocab),
  };
}

/** llama.cpp loads no model without a vocabulary, although only ids are used here. */
function vocabMetadata(vocab: number): Record<string, GgufValue> {
  const last: GgufValue = { type: 'u32', value: vocab - 1 };
  return {
    'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: 'default' },
    'tokenizer.ggml.tokens': {
      type: 'strings',
      value: Array.from({ length: vocab }, (_, id) => (id === 0 ? '\u010a' : `[${id}]`)), // a line break must exist
    },
    'tokenizer.ggml.token_type': { type: 'i32s', value: Array.from({ length: vocab }, () => 1) },
    'tokenizer.ggml.merges': { type: 'strings', value: [] },
    'tokenizer.ggml.bos_token_id': last,
    'tokenizer.ggml.eos_token_id': last,
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
  };
}

function bytesOf(shape: readonly number[], type: TensorType): number {
  const { values, bytes } = tensorTypes[type];
  return (shape.reduce((product, length) => product * length, 1) / values) * bytes;
}

/** Q4_0: a float16 scale, then 16 bytes of nibbles that stand for -8 … 7. Scales of either sign, so the mean is 0. */
function blocks(
  shape: readonly number[],
  { deviation, seed }: { deviation: number; seed: number },
): Uint8Array {
  const length = bytesOf(shape, 'q4_0');
  const words = new Uint32Array(Math.ceil(length / 4));
  fillRandom(words, seed);
  const halves = new Uint16Array(words.buffer);
  const scale = numberToHalf(deviation / NIBBLE_DEVIATION);
  const stride = tensorTypes.q4_0.bytes / 2;
  for (let at = 0; at < length / 2; at += stride) halves[at] = ((halves[at] ?? 0) & 0x8000) | scale;
  return new Uint8Array(words.buffer, 0, length);
}

/** Drawn evenly: what is summed over a row is near enough to normal. */
function floats(
  count: number,
  { mean, deviation, seed }: { mean: number; deviation: number; seed: number },
): Uint8Array {
  const words = new Uint32Array(count);
  fillRandom(words, seed);
  const values = Float32Array.from(
    words,
    (word) => mean + deviation * Math.sqrt(12) * (word / 2 ** 32 - 0.5),
  );
  return new Uint8Array(values.buffer);
}

/** Marsaglia's xorshift (2003), 32 bits of state. */
function fillRandom(words: Uint32Array, seed: number): void {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
}
