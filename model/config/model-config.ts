// What a checkpoint's config.json says about the model, in one form for all layouts.
import type { RopeConfig } from './config-rope.ts';

/** The `model_type` of each supported layout. Tables have a row for each. */
export type LayoutName =
  | 'sigma'
  | 'qwen3_moe'
  | 'qwen2_moe'
  | 'mixtral'
  | 'olmoe'
  | 'glm4_moe'
  | 'dots1'
  | 'bailing_moe_v2'
  | 'ernie4_5_moe'
  | 'hunyuan_v1_moe'
  | 'granitemoe'
  | 'granitemoeshared'
  | 'minimax_m2'
  | 'gpt_oss'
  | 'llama4_text';

/** The checkpoint's rule that turns the router's scores into weights. docs/models.md has the sources. */
export interface RoutingConfig {
  /** `softmax` over all experts, or elementwise `sigmoid`. */
  score: 'softmax' | 'sigmoid';
  /** Whether the chosen weights are divided by their sum. */
  renormalise: boolean;
  /** Whether `renormalise` also applies at k = 1, where the weight becomes 1. Absent: for `softmax`, and not for `sigmoid`. */
  renormaliseOne?: boolean;
  /** Whether `e_score_correction_bias` is added to the scores when experts are chosen. It does not affect the weights. */
  selectionBias: boolean;
  /** Factor on every weight (`routed_scaling_factor`). */
  scale: number;
  /** Only experts of the `kept` best of `count` equal groups are chosen. A group's score is the sum of its 2 best experts'. */
  groups?: { count: number; kept: number };
  /** Whether the weight multiplies the expert's input, not its answer. */
  weighsInput?: true;
  /** The best expert of each of this many groups of consecutive experts is chosen, with its softmax within the group as the weight. */
  prototypes?: number;
}

/** How attention differs from plain causal attention over the whole context. */
export interface AttentionConfig {
  /** Biases of the q, k and v projections. */
  inputBias?: true;
  /** Bias of the output projection. */
  outputBias?: true;
  /** Factor on the scores of attention. Absent: 1 / sqrt(headDim). */
  scale?: number;
  /** Whether the norms of q and k follow the rotation. Absent: they precede it. */
  normLast?: true;
  /** Whether q and k of rotated layers have an RMSNorm without weights after the rotation. */
  unitNorm?: true;
  /** `[layers]`, positions up to and including its own that a position attends to; 0 for all. */
  windows?: readonly number[];
  /** `[layers]`, length of the chunks within which positions attend; 0 for no chunks. */
  chunks?: readonly number[];
  /** `[layers]`, 1 for layers without rotary positions. */
  unrotated?: readonly number[];
  /** In layers without rotary positions, the query of position p is multiplied by 1 + scale * ln(1 + floor((p + 1) / floor)). */
  temperature?: { floor: number; scale: number };
  /** Whether each query head has a learned score that takes part in the softmax and has no value. */
  sinks?: true;
}

/** Optional fields are absent if the model does not have the property, so that a model has one form and one identity. */
export interface ModelConfig {
  /** The `model_type` whose rules the checkpoint follows. */
  layout: LayoutName;
  hidden: number;
  /** All layers, with or without experts. */
  layers: number;
  heads: number;
  kvHeads: number;
  /** Width of one head, which is not always hidden / heads. */
  headDim: number;
  /** Experts in each layer with experts. */
  experts: number;
  /** k, the number of experts per token, for each layer with experts. */
  expertsPerToken: readonly number[];
  /** Inner width of one expert. */
  inner: number;
  vocab: number;
  /** Positions that the checkpoint was made for (`max_position_embeddings`). */
  context: number;
  normEps: number;
  /** RMSNorm with weights of q and k: none, over each head, or over the whole projection. The tensors' shapes decide. */
  qkNorm: 'none' | 'head' | 'projection';
  rope: RopeConfig;
  tiedEmbeddings: boolean;
  routing: RoutingConfig;
  /** Layers with an MLP in place of experts, ascending, and the MLP's inner width. */
  denseMlp?: { layers: readonly number[]; inner: number };
  /** An MLP beside the experts. If `gated`, its output is multiplied by the sigmoid of a score of its own. */
  sharedExpert?: { inner: number; gated: boolean };
  attention?: AttentionConfig;
  /** Factors on the embedding, on what attention and MLP add to the residual stream, and on the logits. */
  multipliers?: { embedding: number; residual: number; logits: number };
  /** In place of SwiGLU, experts compute `g sigmoid(alpha g) (u + 1)` with g at most `limit` and u within ±`limit`. */
  clamp?: { alpha: number; limit: number };
  /** Whether the router has a bias, which is part of the scores. */
  routerBias?: true;
  /** Whether the three matrices of an expert have biases. */
  expertBiases?: true;
}

/** Most layers that are accepted. A wrong, larger number would take much memory before missing tensors are noticed. */
export const MOST_LAYERS = 4096;

/** `[layers]`, whether a layer has experts. */
export function hasExperts({ layers, denseMlp }: Pick<ModelConfig, 'layers' | 'denseMlp'>): boolean[] {
  return Array.from({ length: layers }, (_, layer) => denseMlp?.layers.includes(layer) !== true);
}

/** The numbers of the layers with experts, ascending. Units, placements and hops count only these layers. */
export function expertLayers(config: Pick<ModelConfig, 'layers' | 'denseMlp'>): number[] {
  return hasExperts(config).flatMap((has, layer) => (has ? [layer] : []));
}

/** Number of values of a head that are rotated. */
export function rotaryDim({ headDim, rope }: Pick<ModelConfig, 'headDim' | 'rope'>): number {
  return rope.rotary ?? headDim;
}

/** The shape of a model as shards and gateways count it: layers with experts only. */
export function unitShape(config: ModelConfig): { layers: number; experts: number; hidden: number } {
  return { layers: config.expertsPerToken.length, experts: config.experts, hidden: config.hidden };
}
