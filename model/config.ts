// A checkpoint's shape and rules, read from its own config.json. Knows no files but that one's contents, no tensors.

/** How the router's scores become weights; a property of the checkpoint (facts in docs/models.md). */
export interface RoutingConfig {
  /** `softmax` over all experts, or elementwise `sigmoid` with a selection bias. */
  score: 'softmax' | 'sigmoid';
  /** Divide the chosen weights by their sum. For `sigmoid` this applies only where k > 1. */
  renormalise: boolean;
  /** `e_score_correction_bias` is added to the scores for choosing, never to the weights. */
  selectionBias: boolean;
  /** Every weight is multiplied by this (`routed_scaling_factor`). */
  scale: number;
}

export type RopeScaling =
  | { type: 'default' }
  | { type: 'linear'; factor: number }
  | { type: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalContext: number }
  | {
      type: 'yarn';
      factor: number;
      originalContext: number;
      betaFast: number;
      betaSlow: number;
      attentionFactor: number;
      truncate: boolean;
    };

export interface ModelConfig {
  layout: 'qwen3_moe' | 'mixtral' | 'olmoe';
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  /** Width of one head; not always hidden / heads. */
  headDim: number;
  /** Experts in each layer. */
  experts: number;
  /** k of each layer, `layers` entries. */
  expertsPerToken: readonly number[];
  /** Inner width of one expert. */
  inner: number;
  vocab: number;
  /** Positions the checkpoint was made for (`max_position_embeddings`). */
  context: number;
  normEps: number;
  /** RMSNorm of q and k: none, over each head, or over the whole projection. Told by the tensors' shapes. */
  qkNorm: 'none' | 'head' | 'projection';
  rope: { base: number; scaling: RopeScaling };
  tiedEmbeddings: boolean;
  routing: RoutingConfig;
}
