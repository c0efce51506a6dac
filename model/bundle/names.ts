// The canonical names of a model's tensors, which are those of Qwen3-MoE. model/convert/layouts/ has the other layouts.

export const modelNames = {
  embedding: 'model.embed_tokens.weight',
  norm: 'model.norm.weight',
  head: 'lm_head.weight',
} as const;

const ROUTER = '.mlp.gate.weight';
const ROUTER_BIAS = '.mlp.gate.bias';
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
    routerBias: name + ROUTER_BIAS,
    qBias: `${name}.self_attn.q_proj.bias`,
    kBias: `${name}.self_attn.k_proj.bias`,
    vBias: `${name}.self_attn.v_proj.bias`,
    oBias: `${name}.self_attn.o_proj.bias`,
    sinks: `${name}.self_attn.sinks`,
    mlp: mlpNames(`${name}.mlp`),
    sharedExpert: mlpNames(`${name}.mlp.shared_expert`),
    sharedGate: `${name}.mlp.shared_expert_gate.weight`,
  };
}

function mlpNames(name: string) {
  return {
    gate: `${name}.gate_proj.weight`,
    up: `${name}.up_proj.weight`,
    down: `${name}.down_proj.weight`,
  };
}

export const isRouter = (name: string) => name.endsWith(ROUTER);
/** Whether the tensor is a bias or the score of a sink. The others of the small tensors are norms. */
export const isBias = (name: string) => /(_bias|\.bias|\.sinks)$/.test(name);

/** `layer` is the number among all layers of the model, not only those with experts. */
export function expertNames(layer: number, expert: number) {
  const name = `model.layers.${layer}.mlp.experts.${expert}`;
  return {
    ...mlpNames(name),
    gateBias: `${name}.gate_proj.bias`,
    upBias: `${name}.up_proj.bias`,
    downBias: `${name}.down_proj.bias`,
  };
}
