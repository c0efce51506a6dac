// The log-probabilities of a prompt as vLLM tells them (`prompt_logprobs`). Knows no endpoint and no engine.
import type { PromptLogprob } from '../../engine/messages.ts';
import { type LazyList, lazyMap } from '../budget/json-pieces.ts';
import { badRequest } from '../errors.ts';
import type { CommonRequest } from '../requests/fields/schema-fields.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { finite, tokenName } from './logprobs.ts';

/** Of one token: by its id, and by the ids of likelier ones. */
export type PromptScores = LazyList<TokenScores | null>;

type TokenScores = Record<string, { logprob: number; rank: number | null; decoded_token: string }>;

/** Alternatives to tell with each token of a prompt; undefined: none are asked for. Throws a 400 for what cannot be told together. */
export function promptLogprobsOf({
  prompt_logprobs,
  stream,
  echoed,
}: Pick<CommonRequest, 'prompt_logprobs' | 'stream'> & {
  /** Alternatives that an echo tells of the prompt. */
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

/** One entry for each of the prompt's ids; the first is null, since nothing stands before it. */
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
