// The shape of Sigma-MoE-Tiny (arXiv 2512.16248) as a config.json, with a byte-level tokenizer in place of its own.
// Assumed, because not published: head_dim 96, RoPE base 10,000, eps 1e-6, untied embeddings.

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
  bos_token_id: 199_999,
  eos_token_id: [199_999, 200_003],
};

const specialTokens = new Map([
  ['<|endoftext|>', 199_999],
  ['<|system|>', 200_000],
  ['<|user|>', 200_001],
  ['<|assistant|>', 200_002],
  ['<|end|>', 200_003],
]);

const CHAT_TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

/** The printable character for each byte in byte-level BPE: the byte itself, or one from 256 up (GPT-2's alphabet). */
function byteSymbols(): string[] {
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(printable ? byte : spare++);
  });
}

/** Ids 0–255 are the bytes. The special tokens have the model's own ids. No other id has any text. */
function tokenizer(): object {
  const addedTokens = [...specialTokens].map(([content, id]) => {
    return {
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    };
  });
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  const vocab = Object.fromEntries(byteSymbols().map((symbol, byte) => [symbol, byte]));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: { type: 'BPE', unk_token: null, byte_fallback: false, vocab, merges: [] },
  };
}

const tokenizerConfig = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  bos_token: '<|endoftext|>',
  eos_token: '<|endoftext|>',
  pad_token: '<|endoftext|>',
  add_bos_token: false,
  clean_up_tokenization_spaces: false,
  model_max_length: 8192,
  chat_template: CHAT_TEMPLATE,
};

/** The files of a checkpoint's directory, by name. */
export function sigmaMoeTinyFiles(): Map<string, Uint8Array> {
  const files = {
    'config.json': config,
    'tokenizer.json': tokenizer(),
    'tokenizer_config.json': tokenizerConfig,
    'generation_config.json': { bos_token_id: 199_999, eos_token_id: [199_999, 200_003], do_sample: true },
  };
  return new Map(
    Object.entries(files).map(([name, json]) => [name, Buffer.from(`${JSON.stringify(json, null, 2)}\n`)]),
  );
}
