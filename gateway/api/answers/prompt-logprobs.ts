// The log-probabilities of a prompt in vLLM's shape (`prompt_logprobs`).
import type { PromptLogprob } from '../../engine/messages.ts';
import { type LazyList, lazyMap } from '../budget/json-pieces.ts';
import { badRequest } from '../errors.ts';
import type { CommonRequest } from '../requests/fields/schema-fields.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { finite, tokenName } from './logprobs.ts';

/** One entry for each token of the prompt. */
export type PromptScores = LazyList<TokenScores | null>;

/** The token of the prompt and the most likely tokens in its place, by id. */
type TokenScores = Record<string, { logprob: number; rank: number | null; decoded_token: string }>;

/**
 * Number of alternatives for each prompt token. Undefined if the request asks for no log-probabilities of the prompt. Throws a 400
 * for fields that exclude each other.
 */
export function promptLogprobsOf({
  prompt_logprobs,
  stream,
  echoed,
}: Pick<CommonRequest, 'prompt_logprobs' | 'stream'> & {
  /** Number of alternatives that `echo` returns for each prompt token. Undefined: `echo` returns no log-probabilities. */
  echoed?: number | undefined;
}): number | undefined {
  const asked = prompt_logprobs ?? undefined;
  if (asked === undefined) return echoed;
  const refuse = (message: string) => {
    return badRequest(message, { param: 'prompt_logprobs', code: 'invalid_parameter_combination' });
  };
  if (stream === true)
    throw refuse("The 'prompt_logprobs' parameter is not allowed when 'stream' is enabled.");
  if (echoed === undefined || echoed === asked) return asked;
  throw refuse(`With 'echo', 'prompt_logprobs' must equal 'logprobs', which is ${echoed}.`);
}

/** The first entry is null, because the first token of a prompt has no log-probability. */
export function promptScores(
  ids: readonly number[],
  scores: readonly PromptLogprob[],
  tokenizer: Tokenizer,
): PromptScores {
  const entry = (id: number, logprob: number, rank: number | null) => {
    return [
      String(id),
      { logprob: finite(logprob), rank, decoded_token: tokenName(id, tokenizer, '') },
    ] as const;
  };
  return lazyMap(ids, (id, i) => {
    const score = scores[i - 1];
    if (score === undefined) return null;
    const own = entry(id, score.logprob, score.rank ?? null);
    return Object.fromEntries([
      ...score.top.map((other, rank) => entry(other.id, other.logprob, rank + 1)),
      own,
    ]);
  });
}
