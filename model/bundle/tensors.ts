// Which tensors a model has, by their canonical (Qwen3-MoE) names, and how a bundle stores each. Knows no files.
import type { ModelConfig } from '../config/config.ts';
import type { Unit } from '../devices/expert.ts';
import type { TensorSpec } from '../safetensors.ts';
import type { Encoding } from '../tensor.ts';
import { TILE_BYTES, tileGrid } from '../tiles.ts';

export type Bits = 4 | 8 | 16 | 32;

/** A matrix `[rows, cols]` is stored at the bundle's bits, a small tensor in the source's own type at every precision. */
export type CanonicalTensor =
  | { kind: 'matrix'; name: string; shape: readonly [rows: number, cols: number] }
  | { kind: 'small'; name: string; shape: readonly number[] };

const matrix = (name: string, rows: number, cols: number): CanonicalTensor & { kind: 'matrix' } => ({
  kind: 'matrix',
  name: `${name}.weight`,
  shape: [rows, cols],
});

const small = (name: string, ...shape: number[]): CanonicalTensor => ({ kind: 'small', name, shape });

/** Everything that is not an expert, layer after layer. */
export function* denseTensors(config: ModelConfig): Generator<CanonicalTensor> {
  const { hidden, layers, vocab, tiedEmbeddings } = config;
  yield matrix('model.embed_tokens', vocab, hidden);
  for (let layer = 0; layer < layers; layer++) yield* layerTensors(config, `model.layers.${layer}`);
  yield small('model.norm.weight', hidden);
  if (!tiedEmbeddings) yield matrix('lm_head', vocab, hidden);
}

function* layerTensors(config: ModelConfig, layer: string): Generator<CanonicalTensor> {
  const { hidden, heads, kvHeads, headDim, experts, qkNorm, routing } = config;
  yield small(`${layer}.input_layernorm.weight`, hidden);
  yield matrix(`${layer}.self_attn.q_proj`, heads * headDim, hidden);
  yield matrix(`${layer}.self_attn.k_proj`, kvHeads * headDim, hidden);
  yield matrix(`${layer}.self_attn.v_proj`, kvHeads * headDim, hidden);
  yield matrix(`${layer}.self_attn.o_proj`, hidden, heads * headDim);
  if (qkNorm !== 'none') {
    yield small(`${layer}.self_attn.q_norm.weight`, qkNorm === 'head' ? headDim : heads * headDim);
    yield small(`${layer}.self_attn.k_norm.weight`, qkNorm === 'head' ? headDim : kvHeads * headDim);
  }
  yield small(`${layer}.post_attention_layernorm.weight`, hidden);
  yield small(`${layer}.mlp.gate.weight`, experts, hidden);
  if (routing.selectionBias) yield small(`${layer}.mlp.gate.e_score_correction_bias`, experts);
}

/** One expert's three matrices in the order in which they lie in the file. */
export function expertTensors({ hidden, inner }: ModelConfig, { layer, expert }: Unit) {
  const name = `model.layers.${layer}.mlp.experts.${expert}`;
  return [
    matrix(`${name}.gate_proj`, inner, hidden),
    matrix(`${name}.up_proj`, inner, hidden),
    matrix(`${name}.down_proj`, hidden, inner),
  ] as const;
}

/**
 * The config with `qkNorm` as the tensors have it: `shapeOf` tells a tensor's shape by its canonical name. Where one
 * head is the whole projection the two norms are one, and the config's word stands.
 */
export function withNormShapes(
  config: ModelConfig,
  shapeOf: (name: string) => readonly number[] | undefined,
): ModelConfig {
  const shape = shapeOf('model.layers.0.self_attn.q_norm.weight');
  if (shape === undefined) return { ...config, qkNorm: 'none' };
  const { heads, headDim, qkNorm } = config;
  if (heads === 1 && qkNorm !== 'none') return config;
  if (shape.length === 1 && shape[0] === heads * headDim) return { ...config, qkNorm: 'projection' };
  return { ...config, qkNorm: 'head' };
}

/** How values lie in the file: 16 bits keep a 16-bit source's own type, float32 becomes float16. */
export function storedEncoding(bits: Bits, sourceDtype: string): Encoding {
  if (bits === 4) return 'q4';
  if (bits === 8) return 'q8';
  if (bits === 32) return 'f32';
  return sourceDtype === 'BF16' ? 'bf16' : 'f16';
}

/** A tensor as it stands in the bundle's safetensors header. */
export function storedSpec(tensor: CanonicalTensor, bits: Bits, sourceDtype: string): TensorSpec {
  const { kind, name, shape } = tensor;
  if (kind === 'small') return { name, dtype: sourceDtype, shape };
  const encoding = storedEncoding(bits, sourceDtype);
  if (encoding !== 'q4' && encoding !== 'q8') return { name, dtype: encoding.toUpperCase(), shape };
  const { rowBlocks, colBlocks } = tileGrid(...tensor.shape);
  return { name, dtype: 'U8', shape: [rowBlocks, colBlocks, TILE_BYTES[encoding]] };
}

/** The encoding of a tensor that a bundle's header calls `dtype`. */
export function encodingOf(dtype: string, bits: Bits): Encoding {
  if (dtype === 'F32') return 'f32';
  if (dtype === 'F16') return 'f16';
  if (dtype === 'BF16') return 'bf16';
  return bits === 4 ? 'q4' : 'q8';
}
