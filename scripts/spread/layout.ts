// What the spread checkpoint has: its config.json, its files and their tensors.
import type { TensorSpec } from '../../model/safetensors.ts';

export interface DenseSizes {
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  inner: number;
  vocab: number;
  tied: boolean;
}

/** The sizes in the config.json of the dense model in `file`. Throws an Error for a model that Mixtral's layout cannot express. */
export function sizesOf(config: Readonly<Record<string, unknown>>, file: string): DenseSizes {
  if (config.model_type !== 'llama')
    throw new Error(`${file}: is a ${config.model_type} model; only llama without experts can be spread`);
  for (const name of ['attention_bias', 'mlp_bias']) {
    if (config[name] !== false) throw new Error(`${file}: ${name} is true; Mixtral's layout has no biases`);
  }
  const count = (name: string): number => {
    const value = config[name];
    return typeof value === 'number' ? value : fail(`${file}: ${name} is not a number`);
  };
  return {
    hidden: count('hidden_size'),
    layers: count('num_hidden_layers'),
    heads: count('num_attention_heads'),
    kvHeads: count('num_key_value_heads'),
    headDim: count('head_dim'),
    inner: count('intermediate_size'),
    vocab: count('vocab_size'),
    tied: config.tie_word_embeddings === true,
  };
}

function fail(message: string): never {
  throw new Error(message);
}

/** With one expert a token, the weights that Mixtral divides by their sum are 1. So the function does not change. */
export function mixtralConfig(
  dense: Readonly<Record<string, unknown>>,
  experts: number,
): Record<string, unknown> {
  const { attention_bias: _, mlp_bias: __, ...shared } = dense;
  return {
    ...shared,
    model_type: 'mixtral',
    architectures: ['MixtralForCausalLM'],
    num_local_experts: experts,
    num_experts_per_tok: 1,
    sliding_window: null,
    output_router_logits: false,
    router_aux_loss_coef: 0,
  };
}

/** Names of Mixtral's projections, and of those of the dense model. */
export const expertParts = [
  { name: 'w1', source: 'gate_proj' },
  { name: 'w3', source: 'up_proj' },
  { name: 'w2', source: 'down_proj' },
] as const;

const spec = (name: string, dtype: string, ...shape: number[]): TensorSpec => ({ name, dtype, shape });

/** The tensors of the file of everything that belongs to no layer. */
export function modelSpecs({ vocab, hidden, tied }: DenseSizes): TensorSpec[] {
  return [
    spec('model.embed_tokens.weight', 'F32', vocab, hidden),
    spec('model.norm.weight', 'F32', hidden),
    ...(tied ? [] : [spec('lm_head.weight', 'F32', vocab, hidden)]),
  ];
}

/** The tensors of a layer's file that have names in the dense model too. */
export function denseSpecs(layer: number, { hidden, heads, kvHeads, headDim }: DenseSizes): TensorSpec[] {
  const name = `model.layers.${layer}`;
  return [
    spec(`${name}.input_layernorm.weight`, 'F32', hidden),
    spec(`${name}.self_attn.q_proj.weight`, 'F32', heads * headDim, hidden),
    spec(`${name}.self_attn.k_proj.weight`, 'F32', kvHeads * headDim, hidden),
    spec(`${name}.self_attn.v_proj.weight`, 'F32', kvHeads * headDim, hidden),
    spec(`${name}.self_attn.o_proj.weight`, 'F32', hidden, heads * headDim),
    spec(`${name}.post_attention_layernorm.weight`, 'F32', hidden),
  ];
}

export const routerSpec = (layer: number, experts: number, { hidden }: DenseSizes): TensorSpec =>
  spec(`model.layers.${layer}.block_sparse_moe.gate.weight`, 'F32', experts, hidden);

/** The three matrices of one expert. They are F16: it keeps 8 times more of a value than BF16 in the same bytes. */
export function expertSpecs(layer: number, expert: number, { hidden, inner }: DenseSizes): TensorSpec[] {
  return expertParts.map(({ name }) => {
    const shape = name === 'w2' ? [hidden, inner] : [inner, hidden];
    return spec(`model.layers.${layer}.block_sparse_moe.experts.${expert}.${name}.weight`, 'F16', ...shape);
  });
}
