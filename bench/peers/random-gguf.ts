// Writes a GGUF file of random Q4_0 weights for llama.cpp's `qwen3moe` at any shape, to measure speed.
//
// The weights have the standard deviations of `expertgrid synth`, so that activations stay near 1 and the router spreads
// rows as in our bundle. llama.cpp divides the chosen weights by their sum, so with one expert a token this weight is 1.
import { rename } from 'node:fs/promises';
import { numberToHalf } from '../../model/floats.ts';
import {
  bytesOf,
  type GgufTensor,
  type GgufValue,
  type ModelSizes,
  modelMetadata,
  tensorTypes,
  vocabularyMetadata,
  writeGguf,
} from './gguf-format.ts';

/** Standard deviation of whole numbers that are drawn evenly from -8 to 7. */
const NIBBLE_DEVIATION = Math.sqrt((16 ** 2 - 1) / 12);

/** Writes the file `to`. It gets this name only when it is complete. */
export async function writeRandomGguf(
  shape: ModelSizes,
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
  await writeGguf(`${to}.partial`, metadataOf(shape), counted);
  await rename(`${to}.partial`, to);
  onTensor(tensors.length, tensors.length);
}

/** Bytes of all tensors. The file is a few megabytes larger because of its header. */
export function randomGgufBytes(shape: ModelSizes): number {
  return tensorsOf(shape).reduce((total, tensor) => total + bytesOf(tensor.shape, tensor.type), 0);
}

function tensorsOf(shape: ModelSizes): GgufTensor[] {
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

function metadataOf(shape: ModelSizes): Record<string, GgufValue> {
  const { inner, vocab } = shape;
  return {
    ...modelMetadata('qwen3moe', shape, { fileType: 2, feedForward: inner }),
    'general.quantization_version': { type: 'u32', value: 2 },
    ...vocabularyMetadata({
      tokens: Array.from({ length: vocab }, (_, id) => (id === 0 ? '\u010a' : `[${id}]`)), // one must be a line break
      kinds: Array.from({ length: vocab }, () => 1),
      merges: [],
      bos: vocab - 1,
      eos: vocab - 1,
    }),
  };
}

/**
 * Random blocks of Q4_0: a float16 scale, then 16 bytes of nibbles that stand for -8 to 7. Scales have either sign, so
 * that the mean of the weights is 0.
 */
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

/** Evenly drawn floats. A normal distribution is not needed, because sums over a row are nearly normal anyway. */
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
