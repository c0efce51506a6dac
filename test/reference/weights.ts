// The weights of a reference forward pass, read from a checkpoint.
import type { ModelConfig } from '../../model/config/config.ts';
import type { FloatTensor } from '../support/models/safetensors-writer.ts';

/** `y = x Wᵀ`, row-major `[rows, cols]`. */
export interface ReferenceMatrix {
  rows: number;
  cols: number;
  data: Float64Array;
  /** Whether a device multiplies the matrix with activations that are rounded to int8 (8- and 4-bit weights). */
  quantised: boolean;
}

/** An expert, a shared expert or the MLP of a layer without experts. */
export interface ReferenceMlp {
  /** `[inner, hidden]` */
  gate: ReferenceMatrix;
  /** `[inner, hidden]` */
  up: ReferenceMatrix;
  /** `[hidden, inner]` */
  down: ReferenceMatrix;
  biases?: { gate: Float64Array; up: Float64Array; down: Float64Array };
}

/** The part of a layer that has experts. */
export interface ReferenceRouted {
  router: ReferenceMatrix;
  routerBias?: Float64Array;
  selectionBias?: Float64Array;
  experts: ReferenceMlp[];
  sharedExpert?: ReferenceMlp;
  /** `[hidden]`. The sigmoid of its product with the input multiplies the shared expert's answer. */
  sharedGate?: Float64Array;
}

export interface ReferenceLayer {
  inputNorm: Float64Array;
  q: ReferenceMatrix;
  k: ReferenceMatrix;
  v: ReferenceMatrix;
  o: ReferenceMatrix;
  qBias?: Float64Array;
  kBias?: Float64Array;
  vBias?: Float64Array;
  oBias?: Float64Array;
  /** `[heads]` */
  sinks?: Float64Array;
  /** Present unless the checkpoint has no QK-norm. */
  qNorm?: Float64Array;
  kNorm?: Float64Array;
  postNorm: Float64Array;
  /** A layer has either an MLP or experts. */
  dense?: ReferenceMlp;
  routed?: ReferenceRouted;
}

export interface ReferenceWeights {
  embedding: ReferenceMatrix;
  layers: ReferenceLayer[];
  finalNorm: Float64Array;
  /** The embedding matrix itself if the checkpoint uses one matrix for both. */
  head: ReferenceMatrix;
}

/** The weights of a checkpoint in one of the three plain layouts (test/support/models/checkpoint.ts), found by their names. */
export function weightsOfCheckpoint(
  config: ModelConfig,
  tensors: ReadonlyMap<string, FloatTensor>,
): ReferenceWeights {
  const vector = (name: string): Float64Array => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`the checkpoint has no tensor ${name}`);
    return Float64Array.from(tensor.data);
  };
  const matrix = (name: string): ReferenceMatrix => {
    const [rows = 0, cols = 0] = tensors.get(name)?.shape ?? [];
    return { rows, cols, data: vector(name), quantised: false };
  };
  const mixtral = config.layout === 'mixtral';
  const block = mixtral ? 'block_sparse_moe' : 'mlp';
  const [gate, up, down] = mixtral ? ['w1', 'w3', 'w2'] : ['gate_proj', 'up_proj', 'down_proj'];

  const layers = Array.from({ length: config.layers }, (_, l): ReferenceLayer => {
    const layer = `model.layers.${l}`;
    const attention = `${layer}.self_attn`;
    return {
      inputNorm: vector(`${layer}.input_layernorm.weight`),
      q: matrix(`${attention}.q_proj.weight`),
      k: matrix(`${attention}.k_proj.weight`),
      v: matrix(`${attention}.v_proj.weight`),
      o: matrix(`${attention}.o_proj.weight`),
      ...(config.qkNorm === 'none'
        ? {}
        : { qNorm: vector(`${attention}.q_norm.weight`), kNorm: vector(`${attention}.k_norm.weight`) }),
      postNorm: vector(`${layer}.post_attention_layernorm.weight`),
      routed: {
        router: matrix(`${layer}.${block}.gate.weight`),
        ...(config.routing.selectionBias
          ? { selectionBias: vector(`${layer}.${block}.gate.e_score_correction_bias`) }
          : {}),
        experts: Array.from({ length: config.experts }, (_, e) => ({
          gate: matrix(`${layer}.${block}.experts.${e}.${gate}.weight`),
          up: matrix(`${layer}.${block}.experts.${e}.${up}.weight`),
          down: matrix(`${layer}.${block}.experts.${e}.${down}.weight`),
        })),
      },
    };
  });
  const embedding = matrix('model.embed_tokens.weight');
  return {
    embedding,
    layers,
    finalNorm: vector('model.norm.weight'),
    head: config.tiedEmbeddings ? embedding : matrix('lm_head.weight'),
  };
}
