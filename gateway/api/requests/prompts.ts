// Turns request fields into prompts: token ids that fit the model's context. Also limits the number of new tokens and answers.
import type { EngineInfo } from '../../engine/messages.ts';
import type { RequestContext } from '../context.ts';
import { type ApiError, badRequest } from '../errors.ts';
import { requireToken } from './fields/sampling-fields.ts';
import type { Prompt } from './fields/schema.ts';
import type { CommonRequest } from './fields/schema-fields.ts';

/** Token ids of a completions prompt. `param` is its name in errors. An empty text becomes the token that begins a text. */
export async function encodePrompt(
  prompt: Prompt,
  param: string,
  { tokenizer, text, bos, engine: { info } }: RequestContext,
  { addSpecial, ...limits }: TextLimits & { addSpecial: boolean },
): Promise<number[]> {
  if (typeof prompt !== 'string') {
    for (const id of prompt) requireToken(id, param, info);
    return prompt;
  }
  refuseHopeless(prompt, 'prompt', { longestToken: tokenizer.longestToken, info, ...limits });
  const ids = await text.encode(prompt, { addSpecial });
  if (ids.length > 0) return ids;
  if (bos !== undefined && addSpecial) return [bos];
  throw badRequest(`Invalid '${param}': the prompt has no tokens.`, { param, code: 'empty_string' });
}

/** Largest size in bytes of a text that may exceed the context, because the request only counts its tokens or cuts them. */
export const MOST_COUNTED = 1024 * 1024;

/** A prompt may be longer than the context if `truncate_prompt_tokens` cuts it. */
export function limitsOfCut({ truncate_prompt_tokens }: CommonRequest): TextLimits {
  return typeof truncate_prompt_tokens === 'number' ? { takes: MOST_COUNTED } : {};
}

/** Cuts the prompt to its last `truncate_prompt_tokens` tokens, if set. -1 leaves room for `asked` new tokens, by default 1. */
export function cutPrompt(
  prompt: number[],
  { truncate_prompt_tokens: most }: CommonRequest,
  { asked, info }: { asked: number | undefined; info: EngineInfo },
): number[] {
  if (typeof most !== 'number') return prompt;
  const kept = most > 0 ? most : Math.max(1, info.context - (asked ?? 1));
  return prompt.length <= kept ? prompt : prompt.slice(-kept);
}

export interface TextLimits {
  /** A text of up to this number of bytes is accepted, even if it may exceed the context. Default 0. */
  takes?: number;
}

/** Bytes of the longest accepted text: those of a context full of the longest token, or `takes` if that is more. */
export function mostBytes({
  longestToken,
  info,
  takes = 0,
}: { longestToken: number; info: EngineInfo } & TextLimits): number {
  return Math.max(info.context * longestToken, takes);
}

/** Throws a 400 for a text that cannot fit the context whatever its tokens are, so that no time is spent on tokenizing it. */
export function refuseHopeless(
  text: string,
  param: 'prompt' | 'messages',
  limits: { longestToken: number; info: EngineInfo } & TextLimits,
): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > mostBytes(limits)) throw cannotFit(bytes, param, limits.info);
}

export function cannotFit(bytes: number, param: 'prompt' | 'messages', info: EngineInfo): ApiError {
  return tooLong(`your ${param} of ${bytes} bytes cannot fit in it`, param, info);
}

/** The request's own limit of generated tokens. Throws a 400 if `max_tokens` and its other name have different values. */
export function askedTokens({
  max_tokens,
  max_completion_tokens,
}: Pick<CommonRequest, 'max_tokens'> & { max_completion_tokens?: number | null | undefined }):
  | number
  | undefined {
  const asked = max_completion_tokens ?? max_tokens ?? undefined;
  if ((max_tokens ?? asked) === asked) return asked;
  const message = `'max_completion_tokens' is another name of 'max_tokens', but the two differ: ${max_completion_tokens} and ${max_tokens}.`;
  throw badRequest(message, { param: 'max_tokens', code: 'invalid_parameter_combination' });
}

/**
 * Number of tokens that may be generated. `asked` is the request's own limit. Without it, `fallback` is the limit. Throws a 400
 * `context_length_exceeded` if the prompt and `asked` tokens together do not fit the context.
 */
export function allowance(
  promptTokens: number,
  param: 'prompt' | 'messages',
  { asked, fallback, info }: { asked: number | undefined; fallback: number; info: EngineInfo },
): number {
  const rest = info.context - promptTokens;
  if (rest < (asked === 0 ? 0 : 1))
    throw tooLong(`your ${param} resulted in ${promptTokens} tokens`, param, info);
  if (asked !== undefined && asked > rest) {
    const total = promptTokens + asked;
    throw tooLong(
      `you requested ${total} tokens (${promptTokens} in the ${param}, ${asked} in the completion)`,
      param,
      info,
    );
  }
  return asked ?? Math.min(fallback, rest);
}

function tooLong(what: string, param: string, { context }: EngineInfo) {
  return badRequest(
    `This model's maximum context length is ${context} tokens. However, ${what}. Please reduce the length of the ${param} or the completion.`,
    { param, code: 'context_length_exceeded' },
  );
}
