// Makes the parts of a tokenizer.json for SentencePiece BPE (`tokenizer.ggml.model` is `llama`). SentencePiece joins the two
// neighbours whose joined piece has the highest score. A tokenizer.json lists merges by rank instead: here, each way to cut a piece
// into two pieces is a merge, and merges are ordered by the score of the piece. transformers' convert_slow_tokenizer.py does the same.
import type { Metadata } from '../metadata.ts';
import type { TokenizerParts } from './tokenizer.ts';
import { modelVocabulary, type SpecialIds, type Vocabulary } from './vocabulary.ts';

const SCORES = 'tokenizer.ggml.scores';
const SPACE = '▁';

export function sentencePieceParts(
  keys: Metadata,
  vocabulary: Vocabulary,
  special: SpecialIds,
): TokenizerParts {
  const scores = keys.numbers(SCORES);
  const { tokens } = vocabulary;
  if (scores.length !== tokens.length)
    keys.refuse(SCORES, `has ${scores.length} entries for ${tokens.length} tokens`);
  for (let byte = 0; byte < 256; byte++) {
    if (!vocabulary.ids.has(byteToken(byte))) {
      keys.refuse('tokenizer.ggml.tokens', `lacks the token ${byteToken(byte)} for a byte`);
    }
  }
  const addsSpace = keys.flag('tokenizer.ggml.add_space_prefix', true);
  const unknown = special.unknown === undefined ? undefined : tokens[special.unknown];
  // The unknown token has to be in the model.
  const vocab = {
    ...modelVocabulary(vocabulary),
    ...(unknown !== undefined && { [unknown]: special.unknown }),
  };
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: SPACE };
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: addsSpace ? [{ type: 'Prepend', prepend: SPACE }, replace] : [replace],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(addsSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: mergesOf(vocabulary.ids, scores),
    },
    addsBos: true,
  };
}

const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

function mergesOf(ids: ReadonlyMap<string, number>, scores: readonly number[]): [string, string][] {
  const merges: { left: string; right: string; score: number; ids: [number, number] }[] = [];
  for (const [piece, id] of ids) {
    // A cut within a surrogate pair gives no token.
    for (let at = 1; at < piece.length; at++) {
      const [left, right] = [piece.slice(0, at), piece.slice(at)];
      const [leftId, rightId] = [ids.get(left), ids.get(right)];
      if (leftId === undefined || rightId === undefined) continue;
      merges.push({ left, right, score: scores[id] ?? 0, ids: [leftId, rightId] });
    }
  }
  merges.sort((a, b) => b.score - a.score || a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
  return merges.map(({ left, right }) => [left, right]);
}
