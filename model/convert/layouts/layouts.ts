// The table of layouts, by `model_type`: the names of tensors in checkpoints. Sources: modeling_*.py and conversion_mapping.py in
// huggingface/transformers; for Sigma, microsoft/ltp-sglang; for Ling, inclusionAI's modeling_bailing_moe_v2.py.
import type { LayoutName, ModelConfig } from '../../config/model-config.ts';
import { alternatingAs, type Renaming, stackedAs, type TensorLayout } from './layout.ts';

/** As transformers 5 holds the experts of most layouts. */
const stacked = stackedAs('gate_up_proj', 'down_proj');

const sharedExperts: Renaming = ['.mlp.shared_expert.', '.mlp.shared_experts.'];
const layerNorms: readonly Renaming[] = [
  ['.q_norm.', '.q_layernorm.'],
  ['.k_norm.', '.k_layernorm.'],
];
const wideNorms: readonly Renaming[] = [
  ['.q_norm.', '.query_layernorm.'],
  ['.k_norm.', '.key_layernorm.'],
];
const mixtralNames: readonly Renaming[] = [
  ['.gate.e_score_correction_bias', '.e_score_correction_bias'],
  ['.mlp.', '.block_sparse_moe.'],
  ['.gate_proj.', '.w1.'],
  ['.up_proj.', '.w3.'],
  ['.down_proj.', '.w2.'],
];
const graniteStacks = {
  renamed: [
    ['.mlp.gate.', '.block_sparse_moe.router.layer.'],
    ['.mlp.experts', '.block_sparse_moe'],
  ],
  stacked: stackedAs('input_linear.weight', 'output_linear.weight'),
} as const satisfies TensorLayout;

/** Layers after the last are those of multi-token prediction, which answers do not need. */
const isLaterLayer = (name: string, { layers }: ModelConfig): boolean => {
  const number = /\blayers\.(\d+)\./.exec(name)?.[1];
  return number !== undefined && Number(number) >= layers;
};

const isPrediction = (name: string, config: ModelConfig): boolean =>
  isLaterLayer(name, config) || /(^|\.)mtp(_|\.)/.test(name);

export const tensorLayouts: Readonly<Record<LayoutName, TensorLayout>> = {
  sigma: { renamed: [sharedExperts, ...layerNorms], stacked, isSpare: isPrediction },
  qwen3_moe: { renamed: [], stacked },
  qwen2_moe: { renamed: [], stacked },
  olmoe: { renamed: [], stacked },
  mixtral: { renamed: mixtralNames, stacked },
  minimax_m2: { renamed: mixtralNames, stacked, isSpare: isPrediction },
  glm4_moe: { renamed: [sharedExperts], stacked, isSpare: isPrediction },
  dots1: { renamed: [sharedExperts], stacked },
  bailing_moe_v2: {
    renamed: [
      ...[sharedExperts, ...wideNorms],
      ...([
        ['.mlp.gate.e_score_correction_bias', '.mlp.gate.expert_bias'],
        ['.self_attn.o_proj.', '.attention.dense.'],
        ['.self_attn.', '.attention.'],
        ['model.embed_tokens.', 'model.word_embeddings.'],
      ] as const),
    ],
    stacked,
    fused: ({ heads, kvHeads, headDim }) => {
      const [q, kv] = [heads * headDim, kvHeads * headDim];
      const rows = q + 2 * kv;
      return {
        'self_attn.q_proj': { name: 'attention.query_key_value', first: 0, rows },
        'self_attn.k_proj': { name: 'attention.query_key_value', first: q, rows },
        'self_attn.v_proj': { name: 'attention.query_key_value', first: q + kv, rows },
      };
    },
    isSpare: isPrediction,
  },
  ernie4_5_moe: {
    renamed: [
      sharedExperts,
      ['.mlp.gate.e_score_correction_bias', '.mlp.moe_statics.e_score_correction_bias'],
    ],
    stacked,
    adjacentPairs: true,
    isSpare: isPrediction,
  },
  hunyuan_v1_moe: {
    renamed: [...wideNorms, ['.mlp.gate.', '.mlp.gate.wg.'], ['.mlp.shared_expert.', '.mlp.shared_mlp.']],
    stacked,
  },
  granitemoe: graniteStacks,
  granitemoeshared: {
    ...graniteStacks,
    fused: ({ sharedExpert: { inner = 0 } = {} }) => ({
      'mlp.shared_expert.gate_proj': { name: 'shared_mlp.input_linear', first: 0, rows: 2 * inner },
      'mlp.shared_expert.up_proj': { name: 'shared_mlp.input_linear', first: inner, rows: 2 * inner },
    }),
    renamed: [...graniteStacks.renamed, ['.mlp.shared_expert.down_proj.', '.shared_mlp.output_linear.']],
  },
  gpt_oss: {
    renamed: [['.mlp.gate.', '.mlp.router.']],
    stacked: { ...alternatingAs('gate_up_proj', 'down_proj'), transposed: true },
    stackedBiases: alternatingAs('gate_up_proj_bias', 'down_proj_bias'),
  },
  llama4_text: {
    renamed: [
      ['.mlp.gate.', '.feed_forward.router.'],
      ['.mlp.', '.feed_forward.'],
    ],
    stacked: { ...stacked, transposed: true },
    prefixes: ['', 'language_model.'],
    adjacentPairs: true,
    isSpare: (name) => /^(vision_model|multi_modal_projector)\./.test(name),
  },
};
