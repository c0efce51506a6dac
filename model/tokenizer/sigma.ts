// The special tokens and the chat form of the Sigma family (microsoft/ltp-sglang, branch sigma). Their ids follow those of o200k_base.

/** Ids by name. `<|endoftext|>` begins and ends a text, and pads. `<|end|>` ends a message. */
export const sigmaSpecials: ReadonlyMap<string, number> = new Map([
  ['<|endoftext|>', 199_999],
  ['<|system|>', 200_000],
  ['<|user|>', 200_001],
  ['<|assistant|>', 200_002],
  ['<|end|>', 200_003],
]);

/** Begins with bos; each message is its role's token, its text and `<|end|>`. */
const CHAT_TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

/** The fields of tokenizer_config.json. `context` is the length of the context in tokens. */
export function sigmaTokenizerConfig(context: number | undefined) {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<|endoftext|>',
    eos_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
    add_bos_token: false,
    clean_up_tokenization_spaces: false,
    ...(context !== undefined && { model_max_length: context }),
    chat_template: CHAT_TEMPLATE,
  };
}

/** The fields of generation_config.json that concern tokens. An answer ends at either of two ids. */
export const sigmaGeneration = {
  bos_token_id: 199_999,
  eos_token_id: [199_999, 200_003],
};
