// Parts of a byte-level tokenizer.json in the format of Hugging Face's tokenizers.

/** A token that the pre-tokenizer never splits, as an entry of `added_tokens`. */
export interface AddedToken {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

/** Special tokens that match exactly their names, from names and ids. */
export function specialTokens(names: Iterable<readonly [name: string, id: number]>): AddedToken[] {
  return Array.from(names, ([content, id]) => {
    const exact = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return { id, content, ...exact, special: true };
  });
}

/** The printable character for each byte in byte-level BPE: the byte itself, or one from 256 up (GPT-2's alphabet). */
export function byteSymbols(): string[] {
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(printable ? byte : spare++);
  });
}

/** Writes bytes as characters and back, without splitting the text. */
export const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

/** Splits the text into the matches of `pattern` and what is between them. */
export function splitBy(pattern: string): object {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

interface ByteLevelBpe {
  /** Ids by token, in GPT-2's alphabet. */
  vocab: Readonly<Record<string, number>>;
  /** Pairs of tokens with a space between them, the first to merge first. */
  merges: readonly string[];
  added: readonly AddedToken[];
  /** Splits the text into pieces; merges do not cross them. Undefined: the text is one piece. */
  pattern?: string;
}

/** The content of tokenizer.json. A piece that equals a token is that token, even if no merges make it. */
export function byteLevelTokenizer({ vocab, merges, added, pattern }: ByteLevelBpe): object {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer:
      pattern === undefined ? byteLevel : { type: 'Sequence', pretokenizers: [splitBy(pattern), byteLevel] },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      unk_token: null,
      byte_fallback: false,
      ...(pattern !== undefined && { ignore_merges: true }),
      vocab,
      merges,
    },
  };
}
