// Exports a Hugging Face directory to GGUF at float32, for llama.cpp's `qwen3moe` and `olmoe`.
//
// Facts from llama.cpp (gguf-py/gguf/constants.py, src/models/{qwen3moe,olmoe}.cpp): both rotate halves, so q and k
// keep their row order; a layer's experts are one tensor [experts, rows, cols]; `qwen3moe` always divides the chosen
// weights by their sum, `olmoe` never does and norms q and k over the whole hidden width.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GgufTensor, type GgufValue, writeGguf } from './gguf-format.ts';
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

/** Writes `to` from the directory `from`; refuses what llama.cpp would compute otherwise. */
export async function exportGguf({ from, to }: { from: string; to: string }): Promise<void> {
  const config: SourceConfig = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'));
  const architecture = architectures.get(config.model_type);
  if (!architecture)
    throw new Error(`config.json: model_type ${config.model_type} is not qwen3_moe or olmoe`);
  if (config.norm_topk_prob !== (architecture === 'qwen3moe')) {
    throw new Error(
      `config.json: norm_topk_prob ${config.norm_topk_prob} is not what ${architecture} computes`,
    );
  }
  const stored = await readTensors(from);
  const metadata = { ...modelMetadata(architecture, config), ...(await vocabMetadata(from, config)) };
  await writeGguf(to, metadata, ggufTensors(stored, config));
}

function modelMetadata(architecture: string, config: SourceConfig): Record<string, GgufValue> {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const f32 = (value: number): GgufValue => ({ type: 'f32', value });
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads;
  const inner = config.moe_intermediate_size ?? config.intermediate_size;
  return {
    'general.architecture': { type: 'string', value: architecture },
    'general.alignment': u32(32),
    'general.file_type': u32(0),
    [`${architecture}.context_length`]: u32(config.max_position_embeddings),
    [`${architecture}.embedding_length`]: u32(config.hidden_size),
    [`${architecture}.block_count`]: u32(config.num_hidden_layers),
    [`${architecture}.feed_forward_length`]: u32(config.intermediate_size),
    [`${architecture}.expert_feed_forward_length`]: u32(inner),
    [`${architecture}.expert_count`]: u32(config.num_experts),
    [`${architecture}.expert_used_count`]: u32(config.num_experts_per_tok),
    [`${architecture}.attention.head_count`]: u32(config.num_attention_heads),
    [`${architecture}.attention.head_count_kv`]: u32(config.num_key_value_heads),
    [`${architecture}.attention.key_length`]: u32(headDim),
    [`${architecture}.attention.value_length`]: u32(headDim),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: f32(config.rms_norm_eps),
    [`${architecture}.rope.freq_base`]: f32(config.rope_theta),
    [`${architecture}.vocab_size`]: u32(config.vocab_size),
    ...ropeMetadata(architecture, config.rope_scaling),
  };
}

/** llama.cpp takes yarn's amplitude to be 0.1 ln(factor) + 1, as Hugging Face does where config.json names none. */
function ropeMetadata(architecture: string, scaling: RopeScaling | null): Record<string, GgufValue> {
  if (scaling === null) return {};
  const { rope_type: type, factor, original_max_position_embeddings: original } = scaling;
  if (type !== 'linear' && type !== 'yarn')
    throw new Error(`config.json: rope_scaling ${type} is not exported`);
  if ((scaling.beta_fast ?? 32) !== 32 || (scaling.beta_slow ?? 1) !== 1) {
    throw new Error('config.json: rope_scaling betas other than 32 and 1 are not exported');
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

/** llama.cpp loads no model without a vocabulary, although only ids are used here. */
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
  return {
    'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: 'default' },
    'tokenizer.ggml.tokens': { type: 'strings', value: tokens },
    'tokenizer.ggml.token_type': { type: 'i32s', value: kinds },
    'tokenizer.ggml.merges': { type: 'strings', value: merges },
    'tokenizer.ggml.bos_token_id': { type: 'u32', value: config.bos_token_id },
    'tokenizer.ggml.eos_token_id': { type: 'u32', value: eos },
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
  };
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
    // A tied head has no tensor of its own: llama.cpp then takes the embedding.
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
