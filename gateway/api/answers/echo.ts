// A prompt as `echo` gives it back: its text, and its tokens with their places in it. Knows no engine beyond what it
// tells of a prompt.
import type { PromptLogprob } from '../../engine/messages.ts';
import type { Steps } from '../budget/slices.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { Utf8Stream } from '../text/utf8.ts';
import type { AnswerToken } from './answer-text.ts';

export interface EchoedPrompt {
  text: string;
  /** Code points of `text`. */
  length: number;
  tokens: AnswerToken[];
}

/** Tokens of a step. */
const STEP = 256;

/**
 * `given` is the caller's own text, undefined where the prompt was ids: then special tokens stand in the text by name.
 * Tokens that the tokenizer put before a text lie at its beginning. `logprobs` are of all tokens but the first, whose
 * own is null: nothing stands before it.
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
    const told = logprobs[i - 1];
    const offset = Math.max(0, (places[i] ?? 0) - before);
    tokens.push({ id, offset, logprob: told?.logprob ?? null, ...(told && { top: told.top }) });
  }
  return { text, length: codePoints(text), tokens };
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
