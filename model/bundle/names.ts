// The canonical names of a model's tensors, which are those of Qwen3-MoE. model/convert/layouts.ts has the other layouts.
import type { Unit } from '../devices/expert.ts';

export const modelNames = {
  embedding: 'model.embed_tokens.weight',
  norm: 'model.norm.weight',
  head: 'lm_head.weight',
} as const;

const ROUTER = '.mlp.gate.weight';
const SELECTION_BIAS = '.mlp.gate.e_score_correction_bias';

export function layerNames(layer: number) {
  const name = `model.layers.${layer}`;
  return {
    inputNorm: `${name}.input_layernorm.weight`,
    q: `${name}.self_attn.q_proj.weight`,
    k: `${name}.self_attn.k_proj.weight`,
    v: `${name}.self_attn.v_proj.weight`,
    o: `${name}.self_attn.o_proj.weight`,
    qNorm: `${name}.self_attn.q_norm.weight`,
    kNorm: `${name}.self_attn.k_norm.weight`,
    outputNorm: `${name}.post_attention_layernorm.weight`,
    router: name + ROUTER,
    selectionBias: name + SELECTION_BIAS,
  };
}

export const isRouter = (name: string) => name.endsWith(ROUTER);
export const isSelectionBias = (name: string) => name.endsWith(SELECTION_BIAS);

export function expertNames({ layer, expert }: Unit) {
  const name = `model.layers.${layer}.mlp.experts.${expert}`;
  return {
    gate: `${name}.gate_proj.weight`,
    up: `${name}.up_proj.weight`,
    down: `${name}.down_proj.weight`,
  };
}
