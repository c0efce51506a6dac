// Writes log-probabilities in OpenAI's two shapes: parallel arrays for completions, and a list of entries for chats.
import { type LazyList, lazyMap } from '../budget/json-pieces.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { AnswerToken } from './answer-text.ts';

export interface CompletionLogprobs {
  tokens: LazyList<string>;
  /** Null for a prompt's first token. */
  token_logprobs: LazyList<number | null>;
  top_logprobs: LazyList<Record<string, number> | null>;
  /** Offset of each token in the choice's field `text`, in code points. */
  text_offset: LazyList<number>;
}

export interface ChatLogprob {
  token: string;
  logprob: number;
  /** Null for special tokens, which stand for no text. */
  bytes: number[] | null;
}

export type ChatLogprobEntry = ChatLogprob & { top_logprobs: ChatLogprob[] };

/** As in OpenAI's API, the chosen token is always among the top ones. */
export function completionLogprobs(tokens: readonly AnswerToken[], tokenizer: Tokenizer): CompletionLogprobs {
  const name = (id: number) => tokenName(id, tokenizer, 'bytes:');
  return {
    tokens: lazyMap(tokens, ({ id }) => name(id)),
    token_logprobs: lazyMap(tokens, ({ logprob }) => (logprob === null ? null : finite(logprob))),
    top_logprobs: lazyMap(tokens, ({ id, logprob, top = [] }) => {
      if (logprob === null) return null;
      // `top` is sorted by probability. If two ids have the same name, the chosen token stays, or else the more likely one.
      const entries = new Map<string, number>();
      for (const other of top) {
        if (!entries.has(name(other.id))) entries.set(name(other.id), finite(other.logprob));
      }
      entries.set(name(id), finite(logprob));
      return Object.fromEntries(entries);
    }),
    text_offset: lazyMap(tokens, ({ offset }) => offset),
  };
}

export function chatLogprobs(
  tokens: readonly AnswerToken[],
  tokenizer: Tokenizer,
): LazyList<ChatLogprobEntry> {
  const entry = (id: number, logprob: number | null | undefined): ChatLogprob => ({
    token: tokenName(id, tokenizer, ''),
    logprob: finite(logprob),
    bytes: tokenizer.specialName(id) === undefined ? [...tokenizer.bytes(id)] : null,
  });
  return lazyMap(tokens, ({ id, logprob, top = [] }) => ({
    ...entry(id, logprob),
    top_logprobs: top.map((other) => entry(other.id, other.logprob)),
  }));
}

/** The tokens, and the stop id if one ended the answer. Ids and log-probabilities include the stop id; the text does not. */
export function withStop(tokens: readonly AnswerToken[], stop: AnswerToken | undefined): AnswerToken[] {
  return stop === undefined ? [...tokens] : [...tokens, stop];
}

/**
 * A token's text, or the name of a special token. As in OpenAI's API, a token that contains only a part of a character is written
 * as `bytesPrefix` and its bytes (`\xe2\x82`).
 */
export function tokenName(id: number, tokenizer: Tokenizer, bytesPrefix: string): string {
  const special = tokenizer.specialName(id);
  if (special !== undefined) return special;
  const bytes = tokenizer.bytes(id);
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  if (!text.includes('\ufffd')) return text;
  return bytesPrefix + [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/** What OpenAI's API returns as the log-probability of a token that cannot occur. JSON has no -Infinity. */
const IMPOSSIBLE = -9999;

export function finite(logprob: number | null | undefined): number {
  return logprob !== undefined && logprob !== null && Number.isFinite(logprob) ? logprob : IMPOSSIBLE;
}
