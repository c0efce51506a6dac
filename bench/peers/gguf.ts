// Exports a Hugging Face directory to GGUF at float32, for llama.cpp's `qwen3moe` and `olmoe`.
//
// Facts about llama.cpp (gguf-py/gguf/constants.py, src/models/{qwen3moe,olmoe}.cpp):
// - In both architectures, RoPE rotates the two halves of a head against each other, so the rows of q and k keep their order.
// - All experts of a layer are one tensor [experts, rows, cols].
// - `qwen3moe` always divides the chosen weights by their sum. `olmoe` never does.
// - `olmoe` norms q and k over the whole hidden width.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type GgufTensor,
  type GgufValue,
  modelMetadata,
  vocabularyMetadata,
  writeGguf,
} from './gguf-format.ts';
import { readTensors, type StoredTensor } from './safetensors.ts';

interface SourceConfig {
  model_type: string;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim?: number;
  intermediate_size: number;
  moe_intermediate_size?: number;
  num_experts: number;
  num_experts_per_tok: number;
  norm_topk_prob: boolean;
  max_position_embeddings: number;
  rms_norm_eps: number;
  rope_theta: number;
  rope_scaling: null | RopeScaling;
  bos_token_id: number;
  eos_token_id: number | number[];
  vocab_size: number;
}

interface RopeScaling {
  rope_type: string;
  factor: number;
  original_max_position_embeddings?: number;
  beta_fast?: number;
  beta_slow?: number;
}

const architectures = new Map([
  ['qwen3_moe', 'qwen3moe'],
  ['olmoe', 'olmoe'],
]);

const wholeNames: readonly [string, string][] = [
  ['token_embd', 'model.embed_tokens'],
  ['output_norm', 'model.norm'],
  ['output', 'lm_head'],
];

const layerNames: readonly [string, string][] = [
  ['attn_norm', 'input_layernorm'],
  ['attn_q', 'self_attn.q_proj'],
  ['attn_k', 'self_attn.k_proj'],
  ['attn_v', 'self_attn.v_proj'],
  ['attn_output', 'self_attn.o_proj'],
  ['attn_q_norm', 'self_attn.q_norm'],
  ['attn_k_norm', 'self_attn.k_norm'],
  ['ffn_norm', 'post_attention_layernorm'],
  ['ffn_gate_inp', 'mlp.gate'],
];

const expertNames: readonly [string, string][] = [
  ['ffn_gate_exps', 'gate_proj'],
  ['ffn_up_exps', 'up_proj'],
  ['ffn_down_exps', 'down_proj'],
];

/** Writes the file `to` from the directory `from`. Throws if llama.cpp would compute this model differently. */
export async function exportGguf({ from, to }: { from: string; to: string }): Promise<void> {
  const config: SourceConfig = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'));
  const architecture = architectures.get(config.model_type);
  if (!architecture)
    throw new Error(`config.json: model_type ${config.model_type} is not qwen3_moe or olmoe`);
  if (config.norm_topk_prob !== (architecture === 'qwen3moe')) {
    throw new Error(
      `config.json: norm_topk_prob ${config.norm_topk_prob} is not what llama.cpp's ${architecture} computes`,
    );
  }
  const stored = await readTensors(from);
  const metadata = { ...metadataOf(architecture, config), ...(await vocabMetadata(from, config)) };
  await writeGguf(to, metadata, ggufTensors(stored, config));
}

function metadataOf(architecture: string, config: SourceConfig): Record<string, GgufValue> {
  const sizes = {
    context: config.max_position_embeddings,
    hidden: config.hidden_size,
    layers: config.num_hidden_layers,
    inner: config.moe_intermediate_size ?? config.intermediate_size,
    experts: config.num_experts,
    expertsPerToken: [config.num_experts_per_tok],
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: config.head_dim ?? config.hidden_size / config.num_attention_heads,
    normEps: config.rms_norm_eps,
    rope: { base: config.rope_theta },
    vocab: config.vocab_size,
  };
  return {
    ...modelMetadata(architecture, sizes, { fileType: 0, feedForward: config.intermediate_size }),
    ...ropeMetadata(architecture, config.rope_scaling),
  };
}

/** For the attention factor of YaRN, llama.cpp uses 0.1 ln(factor) + 1. Hugging Face does the same if config.json has none. */
function ropeMetadata(architecture: string, scaling: RopeScaling | null): Record<string, GgufValue> {
  if (scaling === null) return {};
  const { rope_type: type, factor, original_max_position_embeddings: original } = scaling;
  if (type !== 'linear' && type !== 'yarn')
    throw new Error(`config.json: rope_scaling ${type} is not linear or yarn`);
  if ((scaling.beta_fast ?? 32) !== 32 || (scaling.beta_slow ?? 1) !== 1) {
    throw new Error('config.json: the betas of rope_scaling are not 32 and 1, which llama.cpp uses');
  }
  const prefix = `${architecture}.rope.scaling`;
  return {
    [`${prefix}.type`]: { type: 'string', value: type },
    [`${prefix}.factor`]: { type: 'f32', value: factor },
    ...(original === undefined
      ? {}
      : { [`${prefix}.original_context_length`]: { type: 'u32', value: original } }),
  };
}

/** The vocabulary of tokenizer.json. Ids without a token get a name like `[PAD7]`. */
async function vocabMetadata(from: string, config: SourceConfig): Promise<Record<string, GgufValue>> {
  const tokenizer: {
    added_tokens: { id: number; content: string }[];
    model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  } = JSON.parse(await readFile(join(from, 'tokenizer.json'), 'utf8'));
  const tokens = Array.from({ length: config.vocab_size }, (_, id) => `[PAD${id}]`);
  const kinds = tokens.map(() => tokenKind.unused);
  for (const [token, id] of Object.entries(tokenizer.model.vocab)) {
    tokens[id] = token;
    kinds[id] = tokenKind.normal;
  }
  for (const { id, content } of tokenizer.added_tokens) {
    tokens[id] = content;
    kinds[id] = tokenKind.control;
  }
  const merges = tokenizer.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  const [eos = 0] = [config.eos_token_id].flat();
  return vocabularyMetadata({ tokens, kinds, merges, bos: config.bos_token_id, eos });
}

const tokenKind = { normal: 1, control: 3, unused: 5 };

function ggufTensors(stored: ReadonlyMap<string, StoredTensor>, config: SourceConfig): GgufTensor[] {
  const find = (name: string): StoredTensor => {
    const tensor = stored.get(name);
    if (!tensor) throw new Error(`no tensor ${name}`);
    return tensor;
  };
  const tensors: GgufTensor[] = [];
  for (const [name, source] of wholeNames) {
    // A tied head has no tensor of its own. llama.cpp then uses the embedding.
    if (stored.has(`${source}.weight`)) tensors.push({ name: `${name}.weight`, ...find(`${source}.weight`) });
  }
  for (let l = 0; l < config.num_hidden_layers; l++) {
    for (const [name, source] of layerNames) {
      tensors.push({ name: `blk.${l}.${name}.weight`, ...find(`model.layers.${l}.${source}.weight`) });
    }
    for (const [name, source] of expertNames) {
      const experts = Array.from({ length: config.num_experts }, (_, e) => {
        return find(`model.layers.${l}.mlp.experts.${e}.${source}.weight`);
      });
      const shape = [experts.length, ...(experts[0]?.shape ?? [])];
      const read = async () => Buffer.concat(await Promise.all(experts.map((expert) => expert.read())));
      tensors.push({ name: `blk.${l}.${name}.weight`, shape, read });
    }
  }
  return tensors;
}
