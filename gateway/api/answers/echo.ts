// Makes the prompt that the request field `echo` returns: its text, and its tokens with their offsets in the text.
import type { PromptLogprob } from '../../engine/messages.ts';
import type { Steps } from '../budget/slices.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { Utf8Stream } from '../text/utf8.ts';
import type { AnswerToken } from './answer-text.ts';

export interface EchoedPrompt {
  text: string;
  /** Length of `text` in code points. */
  length: number;
  tokens: AnswerToken[];
}

/** Number of tokens that are processed before the work yields to other requests. */
const STEP = 256;

/**
 * `given` is the prompt's text in the request. It is undefined for a prompt of ids; the returned text then contains the names of
 * special tokens. Tokens that the tokenizer added before the text have the offset 0. `logprobs` has an entry for each token except
 * the first, whose log-probability is null. It is empty if log-probabilities are not needed.
 */
export function* echoedPrompt(
  ids: readonly number[],
  given: string | undefined,
  { tokenizer, logprobs }: { tokenizer: Tokenizer; logprobs: readonly PromptLogprob[] },
): Steps<EchoedPrompt> {
  const utf8 = new Utf8Stream();
  const pieces: string[] = [];
  const places: number[] = [];
  let length = 0;
  const add = (text: string) => {
    pieces.push(text);
    length += codePoints(text);
  };
  for (const [i, id] of ids.entries()) {
    if (i % STEP === 0) yield;
    const special = tokenizer.specialName(id);
    if (special !== undefined) add(utf8.end());
    places.push(length);
    add(special ?? utf8.push(tokenizer.bytes(id)));
  }
  add(utf8.end());
  const text = given ?? pieces.join('');
  const before = Math.max(0, length - codePoints(text));
  const tokens: AnswerToken[] = [];
  for (const [i, id] of ids.entries()) {
    if (i % STEP === 0) yield;
    const score = logprobs[i - 1];
    const offset = Math.max(0, (places[i] ?? 0) - before);
    tokens.push({ id, offset, logprob: score?.logprob ?? null, ...(score && { top: score.top }) });
  }
  return { text, length: codePoints(text), tokens };
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
