// Contents of tokenizer.json for two small tokenizers: byte-level BPE like that of Qwen and OLMoE, and BPE in the style
// of SentencePiece with byte fallback like that of Mixtral.

export const SPECIALS = ['<|endoftext|>', '<|system|>', '<|user|>', '<|assistant|>', '<|end|>'];

export const CHAT_TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

const MERGES = [
  'h e',
  'l l',
  'he ll',
  'hell o',
  'Ġ w',
  'o r',
  'Ġw or',
  'l d',
  'Ġwor ld',
  'i n',
  'e n',
  'en d',
];

function added(names: readonly string[], firstId: number) {
  return names.map((content, i) => ({ id: firstId + i, content, special: true, normalized: false }));
}

/** The printable character that stands for each byte in a byte-level vocabulary, in the order of the bytes. */
export function byteSymbols(): string[] {
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let hidden = 0;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(printable(byte) ? byte : 256 + hidden++),
  );
}

/** Byte-level BPE: ids 0-255 are the bytes, then come the merges and the special tokens. */
export function byteLevelTokenizer() {
  const tokens = [...byteSymbols(), ...MERGES.map((merge) => merge.replace(' ', ''))];
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    added_tokens: added(SPECIALS, tokens.length),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      unk_token: null,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: MERGES.map((merge) => merge.split(' ')),
    },
  };
}

const PIECES = [
  '▁',
  'h',
  'e',
  'l',
  'o',
  'w',
  'r',
  'd',
  'i',
  'n',
  'he',
  'll',
  'hell',
  'hello',
  '▁hello',
  'or',
  '▁w',
];
const PIECE_MERGES = ['h e', 'l l', 'he ll', 'hell o', '▁ hello', 'o r', '▁ w'];

/**
 * BPE with byte fallback: `<unk>`, `<s>`, `</s>`, 256 byte tokens, then pieces. As for Llama, the post-processor adds
 * `<s>`.
 */
export function sentencePieceTokenizer() {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const specials = ['<unk>', '<s>', '</s>'];
  const tokens = [...specials, ...bytes, ...PIECES];
  return {
    version: '1.0',
    added_tokens: added(specials, 0),
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      byte_fallback: true,
      fuse_unk: true,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: PIECE_MERGES.map((merge) => merge.split(' ')),
    },
  };
}
