// The items in the output of OpenAI's Responses API.

import type { ChatLogprob, ChatLogprobEntry } from '../../answers/logprobs.ts';
import { type LazyList, lazyMap } from '../../budget/json-pieces.ts';

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

export interface OutputText {
  type: 'output_text';
  text: string;
  annotations: [];
  /** Empty unless asked for. */
  logprobs: LazyList<object>;
}

export interface ReasoningText {
  type: 'reasoning_text';
  text: string;
}

export interface ReasoningItem {
  type: 'reasoning';
  id: string;
  status: ItemStatus;
  /** Always empty, because the content is the reasoning itself. */
  summary: [];
  content: ReasoningText[];
  encrypted_content: null;
}

export interface MessageItem {
  type: 'message';
  id: string;
  status: ItemStatus;
  role: 'assistant';
  content: OutputText[];
}

/** `namespace` is absent if the tool has none. */
interface CallItem {
  id: string;
  status: ItemStatus;
  call_id: string;
  name: string;
  namespace?: string;
}

export interface FunctionCallItem extends CallItem {
  type: 'function_call';
  /** JSON text, which is complete if the item is. */
  arguments: string;
}

export interface CustomToolCallItem extends CallItem {
  type: 'custom_tool_call';
  input: string;
}

export type OutputItem = ReasoningItem | MessageItem | FunctionCallItem | CustomToolCallItem;

export function outputText(text: string, entries: readonly ChatLogprobEntry[]): OutputText {
  // Special tokens have no bytes, but these types have no null.
  const whole = ({ bytes, ...rest }: ChatLogprob) => ({ ...rest, bytes: bytes ?? [] });
  const logprobs = lazyMap(entries, ({ top_logprobs, ...own }) => {
    return { ...whole(own), top_logprobs: top_logprobs.map(whole) };
  });
  return { type: 'output_text', text, annotations: [], logprobs };
}

/** In events, log-probabilities have no bytes. */
export function deltaLogprobs(entries: readonly ChatLogprobEntry[]): LazyList<object> {
  return lazyMap(entries, ({ token, logprob, top_logprobs }) => {
    return {
      token,
      logprob,
      top_logprobs: top_logprobs.map((other) => ({ token: other.token, logprob: other.logprob })),
    };
  });
}
