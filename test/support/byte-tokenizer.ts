// A byte-level BPE tokenizer without merges: id = byte, then Sigma's five specials. Knows no model.

/** 256 bytes and five specials. */
export const byteTokenizerVocab = 261;

const names = ['<|endoftext|>', '<|system|>', '<|user|>', '<|assistant|>', '<|end|>'] as const;

/** Ids of the specials that begin and end a text. */
export const specials = { bos: 256, eos: [256, 260] } as const;

/** bos, `<|role|>content<|end|>` for each message, then the assistant's turn. */
const chatTemplate =
  "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

/** GPT-2's printable stand-in for each byte: itself where printable, else 256 and up in order. */
export function byteAlphabet(): string[] {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++));
}

/** File name → JSON of tokenizer.json and tokenizer_config.json. */
export function byteTokenizerFiles(): Record<string, unknown> {
  const vocab = Object.fromEntries(byteAlphabet().map((symbol, id) => [symbol, id]));
  const addedTokens = names.map((content, i) => ({
    id: 256 + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens,
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: byteLevel,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges: [],
      },
    },
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      added_tokens_decoder: Object.fromEntries(addedTokens.map(({ id, ...rest }) => [id, rest])),
      bos_token: '<|endoftext|>',
      eos_token: '<|endoftext|>',
      pad_token: '<|endoftext|>',
      add_bos_token: false,
      clean_up_tokenization_spaces: false,
      model_max_length: 1_000_000,
      chat_template: chatTemplate,
    },
  };
}
