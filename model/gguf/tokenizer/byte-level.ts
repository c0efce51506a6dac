// Makes the parts of a tokenizer.json for byte-level BPE (`tokenizer.ggml.model` is `gpt2`).
import { byteLevel, splitBy } from '../../tokenizer/byte-level.ts';
import type { Metadata } from '../metadata.ts';
import { type PreTokenizer, preTokenizers } from './pre-tokenizers.ts';
import type { TokenizerParts } from './tokenizer.ts';
import { modelVocabulary, type Vocabulary } from './vocabulary.ts';

const PRE = 'tokenizer.ggml.pre';
const MERGES = 'tokenizer.ggml.merges';

export function byteLevelParts(keys: Metadata, vocabulary: Vocabulary): TokenizerParts {
  const pre = preTokenizerOf(keys);
  const merges = keys.texts(MERGES).map((merge): [string, string] => {
    const [left = '', right = '', ...rest] = merge.split(' ');
    const isSound = rest.length === 0 && left !== '' && right !== '';
    return isSound
      ? [left, right]
      : keys.refuse(MERGES, `has ${JSON.stringify(merge)}, which is not two tokens`);
  });
  for (const [left, right] of merges) {
    const missing = [left, right, left + right].find((token) => !vocabulary.ids.has(token));
    if (missing !== undefined)
      keys.refuse(MERGES, `needs the token ${JSON.stringify(missing)}, which is not there`);
  }
  return {
    normalizer: pre.composes ? { type: 'NFC' } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...pre.splits.map(splitBy), byteLevel] },
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre.ignoreMerges ?? false,
      vocab: modelVocabulary(vocabulary),
      merges,
    },
    addsBos: pre.addsBos ?? false,
  };
}

function preTokenizerOf(keys: Metadata): PreTokenizer {
  const name = keys.text(PRE);
  const known = Object.hasOwn(preTokenizers, name) ? preTokenizers[name] : undefined;
  return (
    known ?? keys.refuse(PRE, `"${name}" is not supported (${Object.keys(preTokenizers).join(', ')} are)`)
  );
}
