// Translates the messages, variables and documents of a request into the input of a chat template.
import { badRequest, invalidValue } from '../errors.ts';
import { refuseDeep } from '../requests/depth.ts';
import type { ChatMessage } from '../requests/fields/message-schema.ts';
import type { ChatRequest } from '../requests/fields/schema.ts';
import { mayHoldLoneSurrogate, refuseLoneSurrogates } from '../requests/request-text.ts';
import { placeSystemTurns } from './system-turns.ts';
import {
  type ChatTemplate,
  type Conversation,
  reservedVariables,
  type TemplateCall,
  type TemplateMessage,
} from './template.ts';
import { ShortIds, type TemplateHabits } from './template-habits.ts';

/** Throws a 400 for a message that the template would silently leave out of the prompt. */
export function templateMessages(sent: readonly ChatMessage[], template: ChatTemplate): TemplateMessage[] {
  const messages = withoutFunctions(sent);
  const { habits } = template;
  const made = messages.map((message, i) => {
    const refuse = (field: string, what: string) => {
      const why = `The model's chat template does not know ${what}.`;
      return badRequest(why, { param: `messages[${i}].${field}`, code: 'tools_not_supported' });
    };
    if (message.role === 'tool' && !habits.toolRole) {
      throw refuse('role', `messages with the role '${sent[i]?.role}'`);
    }
    const calls = sent[i]?.function_call ? 'function_call' : 'tool_calls';
    if (message.tool_calls?.[0] && !habits.calls) throw refuse(calls, `messages with '${calls}'`);
    return templateMessage(message, `messages[${i}]`, habits);
  });
  refuseStrayResults(messages);
  return placeSystemTurns(habits.shortIds ? withShortIds(made) : made, template);
}

function withShortIds(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const ids = new ShortIds();
  return messages.map(({ tool_calls, tool_call_id, ...message }) => ({
    ...message,
    ...(tool_calls !== undefined && {
      tool_calls: tool_calls.map((call) => ({ ...call, id: ids.of(call.id) })),
    }),
    ...(tool_call_id !== undefined && { tool_call_id: ids.of(tool_call_id) }),
  }));
}

/** Translates OpenAI's older function calls to tool calls. A function message becomes the result of the last call with its name. */
function withoutFunctions(messages: readonly ChatMessage[]): ToolMessage[] {
  const calls = new Map<string, string>();
  return messages.map(({ function_call, role, ...message }, i) => {
    if (function_call) {
      const id = `function_call_${i}`;
      calls.set(function_call.name, id);
      const call = { id, type: 'function' as const, function: function_call };
      return { ...message, role: 'assistant', tool_calls: [...(message.tool_calls ?? []), call] };
    }
    if (role !== 'function') return { ...message, role };
    const name = message.name ?? '';
    const id = calls.get(name);
    if (id !== undefined) return { ...message, role: 'tool', tool_call_id: id };
    throw invalidValue(
      `messages[${i}].name`,
      `no message before it calls a function with the name '${name.slice(0, 100)}'`,
    );
  });
}

type ToolMessage = Omit<ChatMessage, 'role' | 'function_call'> & {
  role: Exclude<ChatMessage['role'], 'function'>;
};

/** As in OpenAI's API, throws a 400 for the result of a call that no earlier message makes. */
function refuseStrayResults(messages: readonly ToolMessage[]): void {
  const called = new Set<string>();
  for (const [i, { tool_calls, tool_call_id: id }] of messages.entries()) {
    for (const call of tool_calls ?? []) called.add(call.id);
    if (typeof id !== 'string' || called.has(id)) continue;
    throw invalidValue(
      `messages[${i}].tool_call_id`,
      `no message before it calls a tool with the id '${id.slice(0, 100)}'`,
    );
  }
}

/** The role `developer` becomes `system`, because templates do not know `developer`. */
function templateMessage(message: ToolMessage, param: string, habits: TemplateHabits): TemplateMessage {
  const { role, name, reasoning, tool_call_id } = message;
  const calls = (message.tool_calls ?? []).map((call, i) => {
    const made = templateCall(call, `${param}.tool_calls[${i}]`);
    const text = call.function.arguments.trim() || '{}';
    return habits.textArguments ? { ...made, function: { ...made.function, arguments: text } } : made;
  });
  const reasoning_content = message.reasoning_content ?? reasoning ?? thoughtOf(message);
  const content = textOf(message) ?? (habits.nullContent && calls.length > 0 ? null : '');
  // GPT-OSS's template refuses a message with calls that has both thinking and content.
  const thinks = habits.thinking && calls.length > 0 && (content ?? '') === '';
  return {
    role: role === 'developer' ? 'system' : role,
    content,
    ...(thinks && typeof reasoning_content === 'string' && { thinking: reasoning_content }),
    ...(typeof name === 'string' && { name }),
    ...(typeof reasoning_content === 'string' && { reasoning_content }),
    ...(typeof tool_call_id === 'string' && { tool_call_id }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** As in vLLM and llama.cpp, text parts are joined as lines. A refusal counts as text. Null if the message has no content. */
function textOf({ content, refusal }: Pick<ChatMessage, 'content' | 'refusal'>): string | null {
  const parts = Array.isArray(content) ? content.map(partText) : [content];
  const said = [...parts, refusal || undefined].filter((text) => typeof text === 'string');
  return said.length > 0 || Array.isArray(content) ? said.join('\n') : null;
}

type Part = Exclude<ChatMessage['content'], string | null | undefined>[number];

/** The text of a content part. Undefined for a part with thinking. */
function partText(part: Part): string | undefined {
  return part.type === 'thinking' ? undefined : part.type === 'text' ? part.text : part.refusal;
}

/** The text of all parts with thinking. Undefined if there are none. */
function thoughtOf({ content }: Pick<ChatMessage, 'content'>): string | undefined {
  const parts = Array.isArray(content) ? content.filter((part) => part.type === 'thinking') : [];
  const thoughts = parts.flatMap(({ thinking }) => {
    return typeof thinking === 'string' ? [thinking] : thinking.map(({ text }) => text);
  });
  return thoughts.length > 0 ? thoughts.join('\n') : undefined;
}

/** Parses the arguments, because templates turn them into JSON themselves. Invalid JSON, as in a call that was cut off, stays text. */
function templateCall(
  { id, function: { name, arguments: text } }: NonNullable<ChatMessage['tool_calls']>[number],
  param: string,
): TemplateCall {
  const given = text.trim() === '' ? {} : parsed(text);
  refuseDeep(given, `${param}.function.arguments`);
  if (mayHoldLoneSurrogate(text)) refuseLoneSurrogates(given, [`${param}.function.arguments`]);
  return { id, type: 'function', function: { name, arguments: given } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The variables that the request passes to the template. Throws a 400 for reserved names. */
export function templateVariables(
  given: Record<string, unknown> | null | undefined,
): Record<string, unknown> {
  const reserved = Object.keys(given ?? {}).find((name) => reservedVariables.includes(name));
  if (reserved !== undefined) {
    const param = `chat_template_kwargs.${reserved}`;
    const message = `Invalid '${param}': a request cannot set this variable of the template.`;
    throw badRequest(message, { param, code: 'invalid_value' });
  }
  refuseDeep(given, 'chat_template_kwargs');
  return given ?? {};
}

/** The documents that the request passes to the template. Throws a 400 if the template does not use documents. */
export function templateDocuments(
  documents: Record<string, unknown>[] | null | undefined,
  { source }: ChatTemplate,
): Record<string, unknown>[] {
  if (!documents || documents.length === 0) return [];
  refuseDeep(documents, 'documents');
  if (/\bdocuments\b/.test(source)) return documents;
  const message = "The model's chat template does not mention documents.";
  throw badRequest(message, { param: 'documents', code: 'documents_not_supported' });
}

type EndingFields = Pick<ChatRequest, 'messages' | 'add_generation_prompt' | 'continue_final_message'>;

/**
 * How the prompt ends. `prefix` on the final message means the same as `continue_final_message`. Throws a 400 if there is no assistant
 * message to continue, or if a message before the final one has `prefix`.
 */
export function endingOf({
  messages,
  add_generation_prompt,
  continue_final_message,
}: EndingFields): NonNullable<Conversation['ending']> {
  const refuse = (message: string, param: string) => {
    return badRequest(message, { param, code: 'invalid_parameter_combination' });
  };
  const last = messages.length - 1;
  const prefix = messages.findIndex((message) => message.prefix === true);
  if (prefix >= 0 && prefix < last) {
    throw refuse("Only the final message may be a 'prefix'.", `messages[${prefix}].prefix`);
  }
  const field = prefix < 0 ? 'continue_final_message' : 'prefix';
  if (prefix < 0 && continue_final_message !== true) return add_generation_prompt === false ? 'none' : 'turn';
  if (add_generation_prompt === true) {
    const message = `'${field}' and 'add_generation_prompt' cannot both be true.`;
    throw refuse(message, prefix < 0 ? field : `messages[${prefix}].${field}`);
  }
  const final = messages.at(-1);
  const calls = final?.tool_calls?.[0] ?? final?.function_call;
  if (final?.role === 'assistant' && !calls) return 'final message';
  const message = `Invalid 'messages[${last}]': an answer continues only a final message of the role 'assistant' without tool calls.`;
  throw refuse(message, `messages[${last}].role`);
}
