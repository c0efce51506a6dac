// What the engine's thread is told of a tokenizer, so that it can hold answers to a grammar. Knows no grammar.
import { type VocabularyData, vocabularyData } from '../../constraints/vocabulary.ts';
import type { TextSide } from './text-side.ts';

/** `size`: of the model's vocabulary, which may be larger than the tokenizer's. */
export function vocabularyOf({ tokenizer }: Pick<TextSide, 'tokenizer'>, size: number): VocabularyData {
  return vocabularyData(size, (id) => tokenizer.bytes(id));
}
