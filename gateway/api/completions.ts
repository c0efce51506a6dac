// POST /v1/completions: text or ids in, text out. Knows no engine beyond its limits.
import type { ApiContext } from './context.ts';
import { badRequest } from './errors.ts';
import { completionLogprobs } from './logprobs.ts';
import { allowance, encodePrompt } from './prompts.ts';
import type { Plan } from './respond.ts';
import { type CompletionRequest, parameterName } from './schema.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { WireFormat } from './wire.ts';

/** OpenAI's default for this endpoint. */
const DEFAULT_MAX_TOKENS = 16;

export function planCompletion(request: CompletionRequest, context: ApiContext): Plan {
  const { engine, tokenizer, bos, limits } = context;
  const { info } = engine;
  if (request.prompt.length > limits.prompts) {
    const message = `Invalid 'prompt': array too long. Expected an array with maximum length ${limits.prompts}, but got an array with length ${request.prompt.length} instead.`;
    throw badRequest(message, { param: 'prompt', code: 'array_above_max_length' });
  }
  const prompts = request.prompt.map((one, i) => {
    const param = request.prompt.length === 1 ? 'prompt' : parameterName(['prompt', i]);
    const prompt = encodePrompt(one, param, { tokenizer, bos, info });
    const asked = request.max_tokens ?? undefined;
    return {
      prompt,
      maxTokens: allowance(prompt.length, 'prompt', { asked, fallback: DEFAULT_MAX_TOKENS, info }),
    };
  });
  const logprobs = request.logprobs ?? undefined;
  return { request, prompts, logprobs, format: completionFormat(tokenizer, logprobs !== undefined) };
}

function completionFormat(tokenizer: Tokenizer, logprobs: boolean): WireFormat {
  return {
    idPrefix: 'cmpl-',
    object: 'text_completion',
    chunkObject: 'text_completion',
    opening: undefined,
    whole: ({ index, text, tokens, reason }) => ({
      text,
      index,
      logprobs: logprobs ? completionLogprobs(tokens, tokenizer) : null,
      finish_reason: reason,
    }),
    piece: ({ index, text, tokens }) => ({
      text,
      index,
      logprobs: logprobs ? completionLogprobs(tokens, tokenizer) : null,
      finish_reason: null,
    }),
    finish: ({ index, reason }) => ({ text: '', index, logprobs: null, finish_reason: reason }),
  };
}
