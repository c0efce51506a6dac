// Translates the input of a Responses request to the messages of a chat. The items of one assistant turn become one message.
import { badRequest } from '../../errors.ts';
import type { ChatMessage } from '../../requests/fields/message-schema.ts';
import type { FieldNames } from '../../requests/renamed-fields.ts';
import type { ResponsesRequest } from '../schema.ts';
import { CUSTOM_INPUT, calledName } from '../tools/offered-tools.ts';
import { isBuiltInCall, type ShownCall, shownCall } from './built-in-calls.ts';
import type { InputItem, MessageItem } from './items.ts';

/** For each part of a message, the path in the request from which it comes. The part '' is the whole message. */
type PartNames = Record<string, string>;

export function chatMessages({ instructions, input, reasoning }: ResponsesRequest): {
  messages: ChatMessage[];
  /** For errors: the path in the request of each part of the messages. */
  names: FieldNames;
} {
  const turns = new Turns();
  if (typeof instructions === 'string') {
    const names = { '': 'instructions', '.content': 'instructions' };
    turns.add({ role: 'system', content: instructions }, names);
  }
  if (typeof input === 'string') {
    turns.add({ role: 'user', content: input }, { '': 'input', '.content': 'input' });
  } else {
    for (const [i, item] of input.entries()) turns.take(item, `input[${i}]`);
    if (turns.messages.length === 0) {
      const message = "Invalid 'input': none of its items says anything to the model.";
      throw badRequest(message, { param: 'input', code: 'invalid_value' });
    }
  }
  if (reasoning?.context === 'current_turn') forgetReasoning(turns.messages);
  return { messages: turns.messages, names: turns.names };
}

/** Removes the reasoning before the last message of the user. */
function forgetReasoning(messages: readonly ChatMessage[]): void {
  const last = messages.findLastIndex(({ role }) => role === 'user');
  for (const message of messages.slice(0, Math.max(last, 0))) delete message.reasoning_content;
}

class Turns {
  readonly messages: ChatMessage[] = [];
  readonly names: (readonly [inner: string, outer: string])[] = [['messages', 'input']];

  add(message: ChatMessage, names: PartNames): void {
    this.messages.push(message);
    this.#name(names);
  }

  take(item: InputItem, at: string): void {
    if (isBuiltInCall(item)) {
      this.#shown(shownCall(item), at);
      return;
    }
    switch (item.type) {
      case 'function_call_output':
      case 'custom_tool_call_output':
        this.#result(item, at);
        return;
      case 'function_call':
        this.#call(item.call_id, calledName(item.name, item.namespace), item.arguments, at);
        return;
      case 'custom_tool_call': {
        const text = JSON.stringify({ [CUSTOM_INPUT]: item.input });
        this.#call(item.call_id, calledName(item.name, item.namespace), text, at);
        return;
      }
      case 'reasoning': {
        const thought = (item.content ?? item.summary ?? []).map(({ text }) => text).join('\n');
        if (thought === '') return; // the reasoning is encrypted
        this.add({ role: 'assistant', content: '', reasoning_content: thought }, { '': at });
        return;
      }
      case 'agent_message': {
        const parts = item.content.map((part) => ('text' in part ? part.text : part.encrypted_content));
        this.add({ role: 'user', content: parts.join('') }, { '': at });
        return;
      }
      case 'message':
      case undefined:
        this.#message(item, at);
        return;
      // The tools in these two items are offered like those of the request; see chat.ts.
      case 'additional_tools':
      case 'tool_search_output':
      // The following items are left out of the prompt; see items.ts.
      case 'image_generation_call':
      case 'mcp_approval_request':
      case 'mcp_list_tools':
      case 'tool_search_call':
      case 'web_search_call':
        return;
    }
  }

  #result(
    { call_id, output }: Extract<InputItem, { type: 'function_call_output' | 'custom_tool_call_output' }>,
    at: string,
  ): void {
    const content = typeof output === 'string' ? output : output.map(({ text }) => text).join('\n');
    const names = { '': at, '.content': `${at}.output`, '.tool_call_id': `${at}.call_id` };
    this.add({ role: 'tool', tool_call_id: call_id, content }, names);
  }

  #shown({ id, call, result }: ShownCall, at: string): void {
    if (call !== undefined) this.#call(id, call.name, call.arguments, at);
    if (result === undefined) return;
    const names = { '': at, '.tool_call_id': `${at}.call_id` };
    this.add({ role: 'tool', tool_call_id: id, content: result }, names);
  }

  /** The text of an assistant becomes part of the same message as the reasoning before it. */
  #message({ role, content }: MessageItem, at: string): void {
    const text = typeof content === 'string' ? content : partsOf(content);
    const last = this.messages.at(-1);
    if (role !== 'assistant' || last?.role !== 'assistant' || last.content !== '' || last.tool_calls) {
      this.add({ role, content: text }, { '': at });
      return;
    }
    last.content = text;
    this.#name({ '': at, '.content': `${at}.content` });
  }

  #call(id: string, name: string, text: string, at: string): void {
    if (this.messages.at(-1)?.role !== 'assistant') this.add({ role: 'assistant', content: '' }, { '': at });
    const last = this.messages.at(-1);
    const calls = last?.tool_calls ?? [];
    if (last !== undefined) last.tool_calls = calls;
    calls.push({ id, type: 'function', function: { name, arguments: text } });
    const call = `.tool_calls[${calls.length - 1}]`;
    this.#name({ [call]: at, [`${call}.id`]: `${at}.call_id`, [`${call}.function`]: at });
  }

  /** Adds the names of the last message's parts. */
  #name(names: PartNames): void {
    const message = `messages[${this.messages.length - 1}]`;
    for (const [part, outer] of Object.entries(names)) this.names.push([message + part, outer]);
  }
}

function partsOf(parts: Exclude<MessageItem['content'], string>): ChatMessage['content'] {
  if (parts.length === 0) return '';
  return parts.map((part) => {
    return { type: 'text' as const, text: part.type === 'refusal' ? part.refusal : part.text };
  });
}
