// POST /v1/chat/completions: messages in, the assistant's message out. Knows no engine beyond its limits.
import { encodeChat } from './chat-prompt.ts';
import type { ApiContext } from './context.ts';
import { badRequest } from './errors.ts';
import { chatLogprobs } from './logprobs.ts';
import { allowance, refuseHopeless } from './prompts.ts';
import type { Plan } from './respond.ts';
import type { ChatRequest } from './schema.ts';
import type { TemplateMessage } from './template.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { WireFormat } from './wire.ts';

export function planChat(request: ChatRequest, context: ApiContext): Plan {
  const { engine, tokenizer } = context;
  const { info } = engine;
  const { messages, max_tokens, max_completion_tokens } = request;
  if (typeof max_tokens === 'number' && typeof max_completion_tokens === 'number') {
    const message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    throw badRequest(message, { param: 'max_tokens', code: 'invalid_parameter_combination' });
  }
  const logprobs = logprobsOf(request);
  const prompt = promptOf(messages.map(templateMessage), context);
  const asked = max_completion_tokens ?? max_tokens ?? undefined;
  const maxTokens = allowance(prompt.length, 'messages', { asked, fallback: info.context, info });
  const format = chatFormat(tokenizer, logprobs !== undefined);
  return { request, prompts: [{ prompt, maxTokens }], logprobs, format };
}

/** Text parts are lines of one content, as vLLM and llama.cpp join them; templates know `system` only. */
function templateMessage({ role, content }: ChatRequest['messages'][number]): TemplateMessage {
  const text = typeof content === 'string' ? content : content.map((part) => part.text).join('\n');
  return { role: role === 'developer' ? 'system' : role, content: text };
}

function promptOf(
  messages: readonly TemplateMessage[],
  { tokenizer, template, engine, model }: ApiContext,
): number[] {
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

function chatFormat(tokenizer: Tokenizer, logprobs: boolean): WireFormat {
  return {
    idPrefix: 'chatcmpl-',
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    opening: {
      index: 0,
      delta: { role: 'assistant', content: '', refusal: null },
      logprobs: null,
      finish_reason: null,
    },
    whole: ({ index, text, tokens, reason }) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: logprobs ? { content: chatLogprobs(tokens, tokenizer), refusal: null } : null,
      finish_reason: reason,
    }),
    piece: ({ index, text, tokens }) => ({
      index,
      delta: { content: text },
      logprobs: logprobs ? { content: chatLogprobs(tokens, tokenizer), refusal: null } : null,
      finish_reason: null,
    }),
    finish: ({ index, reason }) => ({ index, delta: {}, logprobs: null, finish_reason: reason }),
  };
}
