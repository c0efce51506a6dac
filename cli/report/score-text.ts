// Scores a text with a bundle in this process: the bits that the model needs for each byte of it.
import { loadTokenizer, type Tokenizer } from '../../gateway/api/text/tokenizer.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { InputError } from '../../model/errors.ts';
import { Closing } from '../closing.ts';
import { bitsOf, openEngine } from './text-engine.ts';
import { WINDOW, windowsOf } from './windows.ts';

export interface TextScore {
  bits: number;
  /** Bytes of the tokens that were predicted. */
  bytes: number;
  tokens: number;
}

/**
 * Scores the start of `text` in windows, each of which begins with the last token of the window before. Throws an InputError if
 * the text has fewer than two tokens.
 */
export async function scoreText(dir: string, text: string, signal?: AbortSignal): Promise<TextScore> {
  const closing = new Closing();
  try {
    const bundle = await openBundle(dir);
    closing.add(() => bundle.close());
    const tokenizer = await loadTokenizer(dir);
    const windows = windowsOf(tokenizer.encode(text), Math.min(WINDOW, bundle.config.context - 1));
    if (windows.length === 0)
      throw new InputError('--report: the text has fewer than two tokens, so there is nothing to score');
    const engine = await openEngine(bundle, closing);
    const score: TextScore = { bits: 0, bytes: 0, tokens: 0 };
    for (const ids of windows) {
      signal?.throwIfAborted();
      score.bits += await bitsOf(engine, ids);
      score.bytes += ids.slice(1).reduce((sum, id) => sum + bytesOf(tokenizer, id), 0);
      score.tokens += ids.length - 1;
    }
    return score;
  } finally {
    await closing.all();
  }
}

function bytesOf(tokenizer: Tokenizer, id: number): number {
  return (tokenizer.specialName(id) ?? tokenizer.bytes(id)).length;
}
