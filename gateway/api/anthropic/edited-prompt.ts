// The prompt of an Anthropic request after the edits that it asks for.

import type { RequestContext } from '../context.ts';
import { countChat } from '../endpoints/chat.ts';
import { type ChatFields, parseTranslated } from '../requests/translated-chat.ts';
import type { Message } from './blocks.ts';
import { chatOfPrompt, type ModelField } from './chat.ts';
import { type AppliedEdit, applyEdits } from './context-management.ts';
import type { CountRequest } from './schema.ts';

export interface EditedPrompt {
  chat: ChatFields;
  /** Empty if the conversation is unchanged. */
  applied: readonly AppliedEdit[];
  noEffect: readonly ModelField[];
}

/** Edits do not move messages, so that errors name the right ones. Throws a 400 for an unsupported edit. */
export async function editedPrompt(
  request: CountRequest,
  { chat, thinking, context }: { chat: ChatFields; thinking: Partial<ChatFields>; context: RequestContext },
): Promise<EditedPrompt> {
  const chatOf = (messages: Message[]) => chatOfPrompt({ ...request, messages }).chat;
  const count = (messages: Message[]) => {
    return countChat(parseTranslated({ ...chatOf(messages), ...thinking }), context);
  };
  const { context_management: management } = request;
  const { messages, applied } = await applyEdits(management, request.messages, count);
  return {
    chat: applied.length === 0 ? chat : chatOf(messages),
    applied,
    noEffect: management && applied.length === 0 ? ['context_management'] : [],
  };
}
