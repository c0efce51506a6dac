// The data of a tokenizer that the engine's thread needs to constrain answers to a grammar.
import { type VocabularyData, vocabularyData } from '../../constraints/vocabulary.ts';
import type { TextSide } from './text-side.ts';

/** `size` is that of the model's vocabulary, which may be larger than the tokenizer's. */
export function vocabularyOf({ tokenizer }: Pick<TextSide, 'tokenizer'>, size: number): VocabularyData {
  return vocabularyData(size, (id) => tokenizer.bytes(id));
}
