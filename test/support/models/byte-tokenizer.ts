// Tokenizer files of tiny checkpoints. Each byte is a token whose id is the byte; then come the five special tokens.
import { byteSymbols, CHAT_TEMPLATE, SPECIALS } from './tokenizer.ts';

/** Size of the vocabulary: 256 bytes and five special tokens. */
export const byteTokenizerVocab = 256 + SPECIALS.length;

/** Ids of the special tokens that begin and end a text. */
export const specials = { bos: 256, eos: [256, 260] } as const;

/** Content of tokenizer.json and of tokenizer_config.json, by file name. */
export function byteTokenizerFiles(): Record<string, unknown> {
  const vocab = Object.fromEntries(byteSymbols().map((symbol, id) => [symbol, id]));
  const addedTokens = SPECIALS.map((content, i) => ({
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
      chat_template: CHAT_TEMPLATE,
    },
  };
}
