// The shape of Sigma-MoE-Tiny (arXiv 2512.16248) as a config.json, with a byte-level tokenizer in place of its own.
// Assumed, because not published: head_dim 96, RoPE base 10,000, eps 1e-6, untied embeddings.
import { byteLevelTokenizer, byteSymbols, specialTokens } from '../tokenizer/byte-level.ts';
import { sigmaGeneration, sigmaSpecials, sigmaTokenizerConfig } from '../tokenizer/sigma.ts';

const config = {
  architectures: ['Qwen3MoeForCausalLM'],
  model_type: 'qwen3_moe',
  hidden_size: 1536,
  num_hidden_layers: 56,
  num_attention_heads: 16,
  num_key_value_heads: 4,
  head_dim: 96,
  num_experts: 96,
  num_experts_per_tok: 1,
  moe_intermediate_size: 768,
  norm_topk_prob: false, // the one expert is weighted by its raw probability
  hidden_act: 'silu',
  vocab_size: 200_064,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: false,
  ...sigmaGeneration,
};

/** Ids 0–255 are the bytes. The special tokens have the model's own ids. No other id has any text. */
function tokenizer(): object {
  const vocab = Object.fromEntries(byteSymbols().map((symbol, byte) => [symbol, byte]));
  return byteLevelTokenizer({ vocab, merges: [], added: specialTokens(sigmaSpecials) });
}

/** The files of a checkpoint's directory, by name. */
export function sigmaMoeTinyFiles(): Map<string, Uint8Array> {
  const files = {
    'config.json': config,
    'tokenizer.json': tokenizer(),
    'tokenizer_config.json': sigmaTokenizerConfig(config.max_position_embeddings),
    'generation_config.json': { ...sigmaGeneration, do_sample: true },
  };
  return new Map(
    Object.entries(files).map(([name, json]) => [name, Buffer.from(`${JSON.stringify(json, null, 2)}\n`)]),
  );
}
