// POST /v1/chat/completions: messages in, the assistant's message out. Knows no engine beyond its limits.
import type { AnswerToken } from './answer-text.ts';
import { encodeChat } from './chat-prompt.ts';
import type { ApiContext } from './context.ts';
import { badRequest } from './errors.ts';
import { answerIds, chatLogprobs } from './logprobs.ts';
import { allowance, choicesOf, refuseHopeless } from './prompts.ts';
import type { Plan } from './respond.ts';
import type { ChatRequest } from './schema.ts';
import type { TemplateMessage } from './template.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { WireFormat } from './wire.ts';

export function planChat(request: ChatRequest, context: ApiContext): Plan {
  const { engine, tokenizer, limits } = context;
  const { info } = engine;
  const { messages, max_tokens, max_completion_tokens } = request;
  if (typeof max_tokens === 'number' && typeof max_completion_tokens === 'number') {
    const message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    throw badRequest(message, { param: 'max_tokens', code: 'invalid_parameter_combination' });
  }
  const logprobs = logprobsOf(request);
  const prompt = promptOfMessages(messages, context);
  const asked = max_completion_tokens ?? max_tokens ?? undefined;
  const maxTokens = allowance(prompt.length, 'messages', { asked, fallback: info.context, info });
  const ids = request.return_token_ids === true;
  return {
    request,
    prompts: [{ prompt, maxTokens }],
    ...choicesOf(request, 1, limits),
    echo: false,
    logprobs,
    ...(ids && { promptIds: prompt }),
    format: chatFormat({ tokenizer, logprobs: logprobs !== undefined, ids }),
  };
}

/** Text parts are lines of one content, as vLLM and llama.cpp join them; templates know `system` only. */
function templateMessage({ role, content }: ChatRequest['messages'][number]): TemplateMessage {
  const text = typeof content === 'string' ? content : content.map((part) => part.text).join('\n');
  return { role: role === 'developer' ? 'system' : role, content: text };
}

/** Ids of a conversation, ending where the assistant begins to write. Throws a 400 where there is no template, or it refuses. */
export function promptOfMessages(
  given: ChatRequest['messages'],
  { tokenizer, template, engine, model }: ApiContext,
): number[] {
  const messages = given.map(templateMessage);
  if (template === undefined) {
    const message = `The model '${model.id}' has no chat template; use the completions endpoint.`;
    throw badRequest(message, { param: 'messages', code: 'chat_template_missing' });
  }
  const text = messages.map(({ content }) => content).join('');
  refuseHopeless(text, 'messages', { longestToken: tokenizer.longestToken, info: engine.info });
  const ids = encodeChat(messages, {
    template: { render: (given) => rendered(() => template.render(given)) },
    tokenizer,
  });
  if (ids.length > 0) return ids;
  throw badRequest("Invalid 'messages': the chat template makes nothing of them.", { param: 'messages' });
}

/** A template refuses conversations that it was not made for by raising: the caller's fault, in its own words. */
function rendered(render: () => string): string {
  try {
    return render();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`The chat template refused the messages: ${why}`, {
      param: 'messages',
      code: 'chat_template_error',
    });
  }
}

function logprobsOf({ logprobs, top_logprobs }: ChatRequest): number | undefined {
  if (logprobs === true) return top_logprobs ?? 0;
  if (typeof top_logprobs !== 'number') return undefined;
  const message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
  throw badRequest(message, { param: 'top_logprobs', code: 'invalid_parameter_combination' });
}

interface FormatOptions {
  tokenizer: Tokenizer;
  logprobs: boolean;
  /** Tell the ids of the answer's tokens. */
  ids: boolean;
}

function chatFormat({ tokenizer, logprobs, ids }: FormatOptions): WireFormat {
  const logprobsOf = (tokens: readonly AnswerToken[]) => {
    return logprobs ? { content: chatLogprobs(tokens, tokenizer), refusal: null } : null;
  };
  const idsOf = (tokens: readonly AnswerToken[], stopId?: number) => {
    return ids ? { token_ids: answerIds(tokens, stopId) } : {};
  };
  return {
    idPrefix: 'chatcmpl-',
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    opening: (index) => ({
      index,
      delta: { role: 'assistant', content: '', refusal: null },
      logprobs: null,
      finish_reason: null,
    }),
    whole: ({ index, text, tokens, reason, stopId }) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: logprobsOf(tokens),
      finish_reason: reason,
      ...idsOf(tokens, stopId),
    }),
    piece: (event) => {
      if (event.type === 'prompt') throw new Error('a chat echoes no prompt');
      const { index, text, tokens } = event;
      return {
        index,
        delta: { content: text },
        logprobs: logprobsOf(tokens),
        finish_reason: null,
        ...idsOf(tokens),
      };
    },
    finish: ({ index, reason, stopId }) => ({
      index,
      delta: {},
      logprobs: null,
      finish_reason: reason,
      ...idsOf([], stopId),
    }),
  };
}
