// Completes the translated chat of an Anthropic request for the model that answers it: limits its thinking, and clears the parts of
// the conversation that the request asks to clear.

import type { RequestContext } from '../context.ts';
import { countChat } from '../endpoints/chat.ts';
import { badRequest } from '../errors.ts';
import { type ChatFields, parseTranslated } from '../requests/translated-chat.ts';
import { thinkingTagsOf } from '../text/thinking.ts';
import type { Message } from './blocks.ts';
import { type AppliedEdit, applyEdits } from './context-management.ts';
import { chatMessages } from './messages.ts';
import type { CountRequest } from './schema.ts';

/** Fields that change nothing for some models or some conversations. */
export const modelFields = ['thinking', 'output_config.effort', 'context_management'] as const;
type ModelField = (typeof modelFields)[number];

type PromptRequest = CountRequest & { max_tokens?: number };

interface CompleteChat {
  chat: ChatFields;
  /** The edits that changed the conversation. */
  applied: readonly AppliedEdit[];
  /** Names of fields that change nothing for this model or this conversation. */
  noEffect: readonly ModelField[];
}

/** `chat` is the translated `request`. Edits keep each message's index, which errors name. Throws a 400 if an edit requires a summary. */
export async function completeChat(
  request: PromptRequest,
  chat: ChatFields,
  context: RequestContext,
): Promise<CompleteChat> {
  const thinking = thinkingPlan(request, chat, context);
  const chatOf = (turns: Message[]): ChatFields => {
    const unchanged = turns === request.messages;
    const messages = unchanged ? chat.messages : chatMessages({ ...request, messages: turns }).messages;
    return { ...chat, messages, ...thinking.fields };
  };
  const count = async (turns: Message[]) => {
    const work = () => countChat(parseTranslated(chatOf(turns)), context);
    return await context.slices.turn(context.tenant, work);
  };
  const { context_management: management } = request;
  const { messages, applied } = await applyEdits(management, request.messages, count);
  const idle = management && applied.length === 0 ? (['context_management'] as const) : [];
  return { chat: chatOf(messages), applied, noEffect: [...thinking.noEffect, ...idle] };
}

/**
 * As in Anthropic's API, a model thinks only if `thinking` or an effort is set. Both fields only permit thinking, so they have
 * no effect for a model that cannot think.
 */
function thinkingPlan(
  request: PromptRequest,
  { tools = [] }: ChatFields,
  { template, toolTemplate }: RequestContext,
): { fields: Pick<ChatFields, 'max_thinking_tokens' | 'reasoning_effort'>; noEffect: ModelField[] } {
  const { thinking } = request;
  const effort = effortOf(request);
  const used = tools !== null && tools.length > 0 ? (toolTemplate ?? template) : template;
  const thinks = used !== undefined && thinkingTagsOf(used.source) !== undefined;
  const named: ModelField[] = typeof effort === 'string' ? ['output_config.effort'] : [];
  if (!thinks) {
    const permitted = thinking && thinking.type !== 'disabled';
    return { fields: {}, noEffect: permitted ? ['thinking', ...named] : named };
  }
  if (thinking?.type === 'disabled' || (!thinking && effort === undefined)) {
    return { fields: { max_thinking_tokens: 0 }, noEffect: named };
  }
  refuseLargeBudget(request);
  const most = thinking?.type === 'enabled' ? { max_thinking_tokens: thinking.budget_tokens } : {};
  return { fields: { ...most, ...(effort && { reasoning_effort: effort }) }, noEffect: [] };
}

/** Efforts in system messages after the last assistant message override that of the request. The last effort counts. */
function effortOf({ messages, output_config }: CountRequest) {
  const turn = messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
  const efforts = turn.map((message) =>
    message.role === 'system' ? message.output_config?.effort : undefined,
  );
  return efforts.findLast((effort) => typeof effort === 'string') ?? output_config?.effort ?? undefined;
}

function refuseLargeBudget({ thinking, max_tokens = Number.POSITIVE_INFINITY }: PromptRequest): void {
  if (thinking?.type !== 'enabled' || thinking.budget_tokens < max_tokens) return;
  const param = 'thinking.budget_tokens';
  const message = `Invalid '${param}': expected less than 'max_tokens', which is ${max_tokens}, but got ${thinking.budget_tokens}.`;
  throw badRequest(message, { param, code: 'integer_above_max_value' });
}
