// Lists the tensors of a model, and says how a bundle stores each.
import { configLayouts } from '../config/layouts/layouts.ts';
import { expertLayers, type ModelConfig } from '../config/model-config.ts';
import type { Unit } from '../devices/expert.ts';
import type { TensorSpec } from '../safetensors.ts';
import type { Encoding } from '../tensor.ts';
import { type Bits, isTiled, tileBytes, tileGrid, tilesAt } from '../tiles.ts';
import { expertNames, layerNames, modelNames } from './names.ts';

export type { Bits } from '../tiles.ts';

/** A matrix `[rows, cols]` is stored at the bundle's bits. A small tensor keeps the source's own type at every precision. */
export type CanonicalTensor =
  | { kind: 'matrix'; name: string; shape: readonly [rows: number, cols: number] }
  | { kind: 'small'; name: string; shape: readonly number[] };

const matrix = (name: string, rows: number, cols: number): CanonicalTensor & { kind: 'matrix' } => ({
  kind: 'matrix',
  name,
  shape: [rows, cols],
});

const small = (name: string, ...shape: number[]): CanonicalTensor & { kind: 'small' } => ({
  kind: 'small',
  name,
  shape,
});

/** Everything that is not an expert, layer after layer. */
export function* denseTensors(config: ModelConfig): Generator<CanonicalTensor> {
  const { hidden, layers, vocab, tiedEmbeddings } = config;
  yield matrix(modelNames.embedding, vocab, hidden);
  for (let layer = 0; layer < layers; layer++) yield* layerTensors(config, layer);
  yield small(modelNames.norm, hidden);
  if (!tiedEmbeddings) yield matrix(modelNames.head, vocab, hidden);
}

function* layerTensors(config: ModelConfig, layer: number): Generator<CanonicalTensor> {
  const { hidden, heads, kvHeads, headDim, qkNorm, attention = {}, denseMlp } = config;
  const names = layerNames(layer);
  yield small(names.inputNorm, hidden);
  yield matrix(names.q, heads * headDim, hidden);
  yield matrix(names.k, kvHeads * headDim, hidden);
  yield matrix(names.v, kvHeads * headDim, hidden);
  yield matrix(names.o, hidden, heads * headDim);
  if (attention.inputBias) {
    yield small(names.qBias, heads * headDim);
    yield small(names.kBias, kvHeads * headDim);
    yield small(names.vBias, kvHeads * headDim);
  }
  if (attention.outputBias) yield small(names.oBias, hidden);
  if (attention.sinks) yield small(names.sinks, heads);
  if (qkNorm !== 'none') {
    yield small(names.qNorm, qkNorm === 'head' ? headDim : heads * headDim);
    yield small(names.kNorm, qkNorm === 'head' ? headDim : kvHeads * headDim);
  }
  yield small(names.outputNorm, hidden);
  if (denseMlp?.layers.includes(layer)) yield* mlpTensors(names.mlp, hidden, denseMlp.inner);
  else yield* routedTensors(config, names);
}

/** The router, and what is computed beside the experts. */
function* routedTensors(
  { hidden, experts, routing, routerBias, sharedExpert }: ModelConfig,
  names: ReturnType<typeof layerNames>,
): Generator<CanonicalTensor> {
  yield small(names.router, experts, hidden);
  if (routerBias) yield small(names.routerBias, experts);
  if (routing.selectionBias) yield small(names.selectionBias, experts);
  if (sharedExpert === undefined) return;
  yield* mlpTensors(names.sharedExpert, hidden, sharedExpert.inner);
  if (sharedExpert.gated) yield small(names.sharedGate, 1, hidden);
}

type MlpNames = ReturnType<typeof layerNames>['mlp'];

function mlpTensors({ gate, up, down }: MlpNames, hidden: number, inner: number) {
  return [matrix(gate, inner, hidden), matrix(up, inner, hidden), matrix(down, hidden, inner)] as const;
}

/** One expert's three matrices and then its biases, if it has any, in the order in which they lie in the file. */
export function expertTensors(
  config: ModelConfig,
  { layer, expert }: Unit,
): readonly [...ReturnType<typeof mlpTensors>, ...(CanonicalTensor & { kind: 'small' })[]] {
  const { hidden, inner, expertBiases } = config;
  const names = expertNames(expertLayers(config)[layer] ?? layer, expert);
  const matrices = mlpTensors(names, hidden, inner);
  if (!expertBiases) return matrices;
  const biases = [small(names.gateBias, inner), small(names.upBias, inner), small(names.downBias, hidden)];
  return [...matrices, ...biases];
}

/**
 * The config with the `qkNorm` that the tensors' shapes show. `shapeOf` gives a tensor's shape by its canonical name. With a
 * single head, a norm over each head and one over the projection have the same shape, so the config decides.
 */
export function withNormShapes(
  config: ModelConfig,
  shapeOf: (name: string) => readonly number[] | undefined,
): ModelConfig {
  const { layout, heads, headDim, qkNorm } = config;
  if (configLayouts[layout].plain.statesNorms) return config;
  const shape = shapeOf(layerNames(0).qNorm);
  if (shape === undefined) return { ...config, qkNorm: 'none' };
  if (heads === 1 && qkNorm !== 'none') return config;
  if (shape.length === 1 && shape[0] === heads * headDim) return { ...config, qkNorm: 'projection' };
  if (shape.length === 1 && shape[0] === headDim) return { ...config, qkNorm: 'head' };
  // The tensor has a shape that no norm has. The usual norm of the layout is named in the error.
  return { ...config, qkNorm: qkNorm === 'none' ? 'head' : qkNorm };
}

/** The encoding of a matrix in a bundle. At 16 bits a 16-bit source keeps its own type, and float32 becomes float16. */
function storedEncoding(bits: Bits, sourceDtype: string): Encoding {
  const tiles = tilesAt(bits);
  if (tiles !== undefined) return tiles;
  if (bits === 32) return 'f32';
  return sourceDtype === 'BF16' ? 'bf16' : 'f16';
}

/** A tensor's entry in the bundle's safetensors header. */
export function storedSpec(tensor: CanonicalTensor, bits: Bits, sourceDtype: string): TensorSpec {
  const { kind, name, shape } = tensor;
  if (kind === 'small') return { name, dtype: sourceDtype, shape };
  const encoding = storedEncoding(bits, sourceDtype);
  if (!isTiled(encoding)) return { name, dtype: encoding.toUpperCase(), shape };
  const { rowBlocks, colBlocks } = tileGrid(...tensor.shape);
  return { name, dtype: 'U8', shape: [rowBlocks, colBlocks, tileBytes(encoding)] };
}

/** The encoding of a tensor whose type in a bundle's header is `dtype`. */
export function encodingOf(dtype: string, bits: Bits): Encoding {
  if (dtype === 'F32') return 'f32';
  if (dtype === 'F16') return 'f16';
  if (dtype === 'BF16') return 'bf16';
  const tiles = tilesAt(bits);
  if (tiles === undefined) throw new RangeError(`a bundle of ${bits} bits has no tensor of type ${dtype}`);
  return tiles;
}
