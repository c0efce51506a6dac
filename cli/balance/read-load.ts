// Runs a text through a bundle in this process, and counts the rows of each expert.
import { loadTokenizer } from '../../gateway/api/text/tokenizer.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { InputError } from '../../model/errors.ts';
import { Closing } from '../closing.ts';
import { bitsOf, openEngine } from '../report/text-engine.ts';
import { piecesOf, WINDOW } from '../report/windows.ts';

export interface TextLoad {
  tokens: number;
  experts: number;
  /** `[layers * experts]`, rows. */
  totals: Float64Array;
}

/** Reads the start of the text in pieces, each without the ones before. Throws an InputError if it has no token. */
export async function readLoad(
  dir: string,
  text: string,
  onProgress: (done: number, total: number) => void,
): Promise<TextLoad> {
  const closing = new Closing();
  try {
    const bundle = await openBundle(dir);
    closing.add(() => bundle.close());
    const tokenizer = await loadTokenizer(dir);
    const pieces = piecesOf(tokenizer.encode(text), Math.min(WINDOW, bundle.config.context - 1));
    const total = pieces.reduce((sum, ids) => sum + ids.length, 0);
    if (total === 0) throw new InputError('the text has no token, so no expert gets a row');
    const engine = await openEngine(bundle, closing);
    let done = 0;
    for (const ids of pieces) {
      await bitsOf(engine, ids);
      done += ids.length;
      onProgress(done, total);
    }
    const { experts, totals } = await engine.heat();
    return { tokens: total, experts, totals };
  } finally {
    await closing.all();
  }
}
