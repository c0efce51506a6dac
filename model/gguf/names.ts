// Finds the tensor of a GGUF file that has a tensor of the model. The model's tensors have the names of Hugging Face's Qwen3-MoE.
// Source: tensor_mapping.py of gguf-py, the converters of llama.cpp, and llama_model_rope_type in its llama-model.cpp.
import type { GgufModel, GgufTensor } from './read.ts';

/** Where the tensor lies in a GGUF tensor. */
export interface GgufPlace {
  tensor: GgufTensor;
  /** Shape of the model's tensor. */
  shape: readonly number[];
  /** Index in the first dimension of a stack of experts. */
  item?: number;
  /** The first row, if several matrices are stored as one. */
  firstRow?: number;
  /**
   * Whether the two values of each rotated pair are in adjacent rows of the file. Hugging Face's models that rotate halves of a head
   * have them half a head apart.
   */
  adjacentPairs?: true;
}

/** The sizes that tell apart matrices stored as one. */
export interface HeadSizes {
  heads: number;
  kvHeads: number;
  headDim: number;
}

const wholeNames: Readonly<Record<string, string>> = {
  'model.embed_tokens.weight': 'token_embd.weight',
  'model.norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
};

/** Names within a layer, without `model.layers.N.` and `blk.N.`. Of several, the file has one. */
const layerNames: Readonly<Record<string, readonly string[]>> = {
  'input_layernorm.weight': ['attn_norm.weight'],
  'self_attn.q_proj.weight': ['attn_q.weight'],
  'self_attn.k_proj.weight': ['attn_k.weight'],
  'self_attn.v_proj.weight': ['attn_v.weight'],
  'self_attn.o_proj.weight': ['attn_output.weight'],
  'self_attn.q_proj.bias': ['attn_q.bias'],
  'self_attn.k_proj.bias': ['attn_k.bias'],
  'self_attn.v_proj.bias': ['attn_v.bias'],
  'self_attn.o_proj.bias': ['attn_output.bias'],
  'self_attn.q_norm.weight': ['attn_q_norm.weight'],
  'self_attn.k_norm.weight': ['attn_k_norm.weight'],
  'self_attn.sinks': ['attn_sinks.weight'],
  'post_attention_layernorm.weight': ['ffn_norm.weight', 'post_attention_norm.weight'],
  'mlp.gate.weight': ['ffn_gate_inp.weight'],
  'mlp.gate.bias': ['ffn_gate_inp.bias'],
  'mlp.gate.e_score_correction_bias': ['exp_probs_b.bias', 'exp_probs_b'],
  'mlp.gate_proj.weight': ['ffn_gate.weight'],
  'mlp.up_proj.weight': ['ffn_up.weight'],
  'mlp.down_proj.weight': ['ffn_down.weight'],
  'mlp.shared_expert.gate_proj.weight': ['ffn_gate_shexp.weight'],
  'mlp.shared_expert.up_proj.weight': ['ffn_up_shexp.weight'],
  'mlp.shared_expert.down_proj.weight': ['ffn_down_shexp.weight'],
  'mlp.shared_expert_gate.weight': ['ffn_gate_inp_shexp.weight'],
};

/** Architectures in which llama.cpp rotates adjacent values (LLAMA_ROPE_TYPE_NORM). In the others it rotates halves of a head. */
const rotatesAdjacent = new Set(['llama', 'llama4', 'granitemoe', 'ernie4_5-moe']);

/** Tensors that the model does not need: what they have follows from the config. */
const spare = /^(rope_freqs|blk\.\d+\.(attn_rot_embd|rope_freqs))\.weight$/;

/** Whether the model does not need this tensor of the file. Layers from `layers` on only predict further tokens. */
export function isSpareInGguf(name: string, layers: number): boolean {
  const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? 0);
  return layer >= layers || spare.test(name);
}

/** The place of a tensor of the model. Undefined if the file lacks it. */
export function ggufPlace(
  { tensors }: Pick<GgufModel, 'tensors'>,
  { architecture, sizes }: { architecture: string; sizes: HeadSizes },
  name: string,
): GgufPlace | undefined {
  const whole = wholeNames[name];
  if (whole !== undefined) return placeOf(tensors.get(whole));
  const [, layer, rest = ''] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (layer === undefined) return undefined;
  const find = (suffix: string) => tensors.get(`blk.${layer}.${suffix}`);
  const found = expertPlace(find, rest) ?? layerPlace(find, rest) ?? fusedPlace(find, rest, sizes);
  const isRotated = /^self_attn\.[qk]_proj\./.test(rest) && rotatesAdjacent.has(architecture);
  return found === undefined || !isRotated ? found : { ...found, adjacentPairs: true };
}

/** The name and the problem of the GGUF tensor that a tensor of the model lacks, for an error. */
export function missingInGguf({ tensors }: Pick<GgufModel, 'tensors'>, name: string): [string, string] {
  const missing = 'is missing, though its metadata describes it';
  const whole = wholeNames[name];
  if (whole !== undefined) return [whole, missing];
  const [, layer, rest = ''] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  const fused = /^self_attn\.[qkv]_proj\.(weight|bias)$/.exec(rest);
  const qkv = fused === null ? undefined : tensors.get(`blk.${layer}.attn_qkv.${fused[1]}`);
  if (qkv !== undefined)
    return [qkv.name, `has the shape [${qkv.shape}], which is not that of q, k and v together`];
  const [, part, kind] = /^mlp\.experts\.\d+\.(gate|up|down)_proj\.(weight|bias)$/.exec(rest) ?? [];
  const suffix = part === undefined ? layerNames[rest]?.[0] : `ffn_${part}_exps.${kind}`;
  return [suffix === undefined ? name : `blk.${layer}.${suffix}`, missing];
}

type Find = (suffix: string) => GgufTensor | undefined;

const placeOf = (tensor: GgufTensor | undefined): GgufPlace | undefined =>
  tensor === undefined ? undefined : { tensor, shape: tensor.shape };

function layerPlace(find: Find, rest: string): GgufPlace | undefined {
  return placeOf((layerNames[rest] ?? []).map(find).find((tensor) => tensor !== undefined));
}

/** One expert of a stack `[experts, rows, cols]`. Some files have gate and up in one stack `[experts, 2 * rows, cols]`. */
function expertPlace(find: Find, rest: string): GgufPlace | undefined {
  const [, expert, part, kind] = /^mlp\.experts\.(\d+)\.(gate|up|down)_proj\.(weight|bias)$/.exec(rest) ?? [];
  if (expert === undefined) return undefined;
  const item = Number(expert);
  const stack = find(`ffn_${part}_exps.${kind}`);
  if (stack !== undefined)
    return item < (stack.shape[0] ?? 0) ? { tensor: stack, shape: stack.shape.slice(1), item } : undefined;
  const both = part === 'down' ? undefined : find(`ffn_gate_up_exps.${kind}`);
  const [experts = 0, rows = 0, ...cols] = both?.shape ?? [];
  if (both === undefined || item >= experts || rows % 2 !== 0) return undefined;
  return { tensor: both, shape: [rows / 2, ...cols], item, firstRow: part === 'gate' ? 0 : rows / 2 };
}

/** The rows of q, k and v, if the file has them in one matrix. */
function fusedPlace(find: Find, rest: string, { heads, kvHeads, headDim }: HeadSizes): GgufPlace | undefined {
  const [, part, kind] = /^self_attn\.([qkv])_proj\.(weight|bias)$/.exec(rest) ?? [];
  const tensor = kind === undefined ? undefined : find(`attn_qkv.${kind}`);
  if (tensor === undefined) return undefined;
  const [rows, ...cols] = tensor.shape;
  if (rows !== (heads + 2 * kvHeads) * headDim) return undefined;
  const starts: Readonly<Record<string, number>> = { q: 0, k: heads, v: heads + kvHeads };
  const count = (part === 'q' ? heads : kvHeads) * headDim;
  return { tensor, shape: [count, ...cols], firstRow: (starts[part ?? ''] ?? 0) * headDim };
}
