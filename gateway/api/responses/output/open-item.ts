// An output item while it is being written: its text so far, and the events of its beginning, growth and end.
import type { ChatLogprobEntry } from '../../answers/logprobs.ts';
import { CustomInput } from '../tools/custom-input.ts';
import type { OfferedTool } from '../tools/offered-tools.ts';
import {
  type CustomToolCallItem,
  deltaLogprobs,
  type FunctionCallItem,
  type ItemStatus,
  type MessageItem,
  type OutputItem,
  outputText,
  type ReasoningItem,
} from './items.ts';

/** An event without its sequence number. */
export interface ItemEvent {
  type: string;
  [field: string]: unknown;
}

export interface OpenItem {
  readonly kind: OutputItem['type'];
  begin(): ItemEvent[];
  /** Undefined if there is nothing to send yet. */
  grow(text: string, logprobs: readonly ChatLogprobEntry[]): ItemEvent | undefined;
  /** The item so far. */
  item(status: ItemStatus): OutputItem;
  end(status: ItemStatus): ItemEvent[];
}

/** `index` is the item's place in the output. */
interface Place {
  id: string;
  index: number;
}

export function openReasoning({ id, index }: Place): OpenItem {
  const pieces: string[] = [];
  const at = { item_id: id, output_index: index, content_index: 0 };
  const part = () => ({ type: 'reasoning_text' as const, text: pieces.join('') });
  const item = (status: ItemStatus, content = [part()]): ReasoningItem => {
    return { type: 'reasoning', id, status, summary: [], content, encrypted_content: null };
  };
  return {
    kind: 'reasoning',
    item,
    begin: () => [
      { type: 'response.output_item.added', output_index: index, item: item('in_progress', []) },
      { type: 'response.content_part.added', ...at, part: part() },
    ],
    grow: (delta) => {
      pieces.push(delta);
      return { type: 'response.reasoning_text.delta', ...at, delta };
    },
    end: (status) => [
      { type: 'response.reasoning_text.done', ...at, text: part().text },
      { type: 'response.content_part.done', ...at, part: part() },
      { type: 'response.output_item.done', output_index: index, item: item(status) },
    ],
  };
}

export function openMessage({ id, index }: Place): OpenItem {
  const pieces: string[] = [];
  const logprobs: ChatLogprobEntry[] = [];
  const at = { item_id: id, output_index: index, content_index: 0 };
  const part = () => outputText(pieces.join(''), logprobs);
  const item = (status: ItemStatus, content = [part()]): MessageItem => {
    return { type: 'message', id, status, role: 'assistant', content };
  };
  return {
    kind: 'message',
    item,
    begin: () => [
      { type: 'response.output_item.added', output_index: index, item: item('in_progress', []) },
      { type: 'response.content_part.added', ...at, part: part() },
    ],
    grow: (delta, entries) => {
      pieces.push(delta);
      logprobs.push(...entries);
      return { type: 'response.output_text.delta', ...at, delta, logprobs: deltaLogprobs(entries) };
    },
    end: (status) => [
      {
        type: 'response.output_text.done',
        ...at,
        text: part().text,
        logprobs: deltaLogprobs(logprobs),
      },
      { type: 'response.content_part.done', ...at, part: part() },
      { type: 'response.output_item.done', output_index: index, item: item(status) },
    ],
  };
}

interface Call {
  callId: string;
  tool: OfferedTool;
}

export function openCall(place: Place, call: Call): OpenItem {
  return { function: openFunctionCall, custom: openCustomCall }[call.tool.kind](place, call);
}

function openFunctionCall({ id, index }: Place, { callId, tool }: Call): OpenItem {
  const { kind: _, ...named } = tool;
  const pieces: string[] = [];
  const at = { item_id: id, output_index: index };
  const item = (status: ItemStatus): FunctionCallItem => {
    return { type: 'function_call', id, status, call_id: callId, ...named, arguments: pieces.join('') };
  };
  return {
    kind: 'function_call',
    item,
    begin: () => [{ type: 'response.output_item.added', output_index: index, item: item('in_progress') }],
    grow: (delta) => {
      pieces.push(delta);
      return { type: 'response.function_call_arguments.delta', ...at, delta };
    },
    end: (status) => [
      { type: 'response.function_call_arguments.done', ...at, arguments: pieces.join('') },
      { type: 'response.output_item.done', output_index: index, item: item(status) },
    ],
  };
}

function openCustomCall({ id, index }: Place, { callId, tool }: Call): OpenItem {
  const { kind: _, ...named } = tool;
  const written = new CustomInput();
  const pieces: string[] = [];
  const at = { item_id: id, output_index: index };
  const item = (status: ItemStatus): CustomToolCallItem => {
    return { type: 'custom_tool_call', id, status, call_id: callId, ...named, input: pieces.join('') };
  };
  return {
    kind: 'custom_tool_call',
    item,
    begin: () => [{ type: 'response.output_item.added', output_index: index, item: item('in_progress') }],
    grow: (json) => {
      const delta = written.push(json);
      if (delta === '') return undefined;
      pieces.push(delta);
      return { type: 'response.custom_tool_call_input.delta', ...at, delta };
    },
    end: (status) => [
      { type: 'response.custom_tool_call_input.done', ...at, input: pieces.join('') },
      { type: 'response.output_item.done', output_index: index, item: item(status) },
    ],
  };
}
