// Translates the input of a Responses request to the messages of a chat. The items of one assistant turn become one message.
import { badRequest } from '../../errors.ts';
import type { ChatMessage } from '../../requests/fields/message-schema.ts';
import type { FieldNames } from '../../requests/renamed-fields.ts';
import type { ResponsesRequest } from '../schema.ts';
import { CUSTOM_INPUT, calledName } from '../tools/offered-tools.ts';
import { isCallOfOthers, type ShownCall, shownCall } from './calls-of-others.ts';
import type { InputItem, MessageItem } from './items.ts';

interface Translated {
  messages: ChatMessage[];
  /** Paths of the messages' parts in the request. */
  names: FieldNames;
}

type Named = readonly [part: string, outer: string];

export function chatMessages({ instructions, input, reasoning }: ResponsesRequest): Translated {
  const turns = new Turns();
  if (typeof instructions === 'string') {
    turns.add({ role: 'system', content: instructions }, [
      ['', 'instructions'],
      ['.content', 'instructions'],
    ]);
  }
  if (typeof input === 'string') {
    turns.add({ role: 'user', content: input }, [
      ['', 'input'],
      ['.content', 'input'],
    ]);
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
  readonly names: Named[] = [['messages', 'input']];

  add(message: ChatMessage, names: readonly Named[]): void {
    this.messages.push(message);
    this.#name(names);
  }

  take(item: InputItem, at: string): void {
    if (isCallOfOthers(item)) {
      this.#shown(shownCall(item), at);
      return;
    }
    switch (item.type) {
      case 'function_call_output':
      case 'custom_tool_call_output':
        this.#result(item, at);
        return;
      case 'function_call': {
        const { call_id: id, arguments: text } = item;
        this.#call({ id, name: calledName(item.name, item.namespace), text }, at);
        return;
      }
      case 'custom_tool_call': {
        const { call_id: id, input } = item;
        const text = JSON.stringify({ [CUSTOM_INPUT]: input });
        this.#call({ id, name: calledName(item.name, item.namespace), text }, at);
        return;
      }
      case 'reasoning': {
        const thought = (item.content ?? item.summary ?? []).map(({ text }) => text).join('\n');
        // Encrypted reasoning has no text.
        if (thought !== '')
          this.add({ role: 'assistant', content: '', reasoning_content: thought }, [['', at]]);
        return;
      }
      case 'agent_message': {
        const parts = item.content.map((part) => ('text' in part ? part.text : part.encrypted_content));
        this.add({ role: 'user', content: parts.join('') }, [['', at]]);
        return;
      }
      case 'message':
      case undefined:
        this.#message(item, at);
        return;
      // The tools in these items are offered from the beginning.
      case 'additional_tools':
      case 'tool_search_output':
      // The model does not see these; see items.ts.
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
    this.add({ role: 'tool', tool_call_id: call_id, content }, [
      ['', at],
      ['.content', `${at}.output`],
      ['.tool_call_id', `${at}.call_id`],
    ]);
  }

  #shown({ id, call, result }: ShownCall, at: string): void {
    if (call !== undefined) this.#call({ id, name: call.name, text: call.arguments }, at);
    if (result === undefined) return;
    this.add({ role: 'tool', tool_call_id: id, content: result }, [
      ['', at],
      ['.tool_call_id', `${at}.call_id`],
    ]);
  }

  /** The text of an assistant joins the turn that its reasoning began. */
  #message({ role, content }: MessageItem, at: string): void {
    const text = typeof content === 'string' ? content : partsOf(content);
    const last = this.messages.at(-1);
    if (role !== 'assistant' || last?.role !== 'assistant' || last.content !== '' || last.tool_calls) {
      this.add({ role, content: text }, [['', at]]);
      return;
    }
    last.content = text;
    this.#name([
      ['', at],
      ['.content', `${at}.content`],
    ]);
  }

  #call({ id, name, text }: { id: string; name: string; text: string }, at: string): void {
    if (this.messages.at(-1)?.role !== 'assistant') this.add({ role: 'assistant', content: '' }, [['', at]]);
    const last = this.messages.at(-1);
    const calls = last?.tool_calls ?? [];
    if (last !== undefined) last.tool_calls = calls;
    calls.push({ id, type: 'function', function: { name, arguments: text } });
    const call = `.tool_calls[${calls.length - 1}]`;
    this.#name([
      [call, at],
      [`${call}.id`, `${at}.call_id`],
      [`${call}.function`, at],
    ]);
  }

  /** Adds the names of the last message's parts. */
  #name(names: readonly Named[]): void {
    const message = `messages[${this.messages.length - 1}]`;
    this.names.push(...names.map(([part, outer]): Named => [message + part, outer]));
  }
}

function partsOf(parts: Exclude<MessageItem['content'], string>): ChatMessage['content'] {
  if (parts.length === 0) return '';
  return parts.map((part) => {
    return { type: 'text' as const, text: part.type === 'refusal' ? part.refusal : part.text };
  });
}
