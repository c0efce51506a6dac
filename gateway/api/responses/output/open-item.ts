// An output item of a response while it is being written: its text so far, and the events of its beginning, growth and end.
import type { AnswerToken } from '../../answers/answer-text.ts';
import type { ChatLogprob, ChatLogprobEntry } from '../../answers/logprobs.ts';
import { type LazyList, lazyMap } from '../../budget/json-pieces.ts';
import { CustomInput } from '../tools/custom-input.ts';
import type { OfferedTool } from '../tools/offered-tools.ts';

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** The type determines the other fields. */
export interface OutputItem {
  type: 'reasoning' | 'message' | 'function_call' | 'custom_tool_call';
  id: string;
  status: ItemStatus;
  [field: string]: unknown;
}

/** An event without its sequence number. */
export interface ItemEvent {
  type: string;
  [field: string]: unknown;
}

export interface OpenItem {
  readonly kind: OutputItem['type'];
  begin(): ItemEvent[];
  /** Adds a piece of text, and the tokens that have log-probabilities. Returns its event, or undefined if it completes no character. */
  grow(text: string, tokens: readonly AnswerToken[]): ItemEvent | undefined;
  /** The item so far. */
  item(status: ItemStatus): OutputItem;
  end(status: ItemStatus): ItemEvent[];
}

/** `index` is the position of the item in the output. */
interface Place {
  id: string;
  index: number;
}

export function openReasoning(place: Place): OpenItem {
  return openText(place, {
    kind: 'reasoning',
    partType: 'reasoning_text',
    // The summary is empty, because the content is the reasoning itself.
    itemFields: (content) => ({ summary: [], content, encrypted_content: null }),
    partFields: () => ({}),
    eventFields: () => ({}),
  });
}

/** Makes the log-probabilities of tokens when they are written. Until then they need less memory as tokens. */
export type LogprobsOf = (tokens: readonly AnswerToken[]) => LazyList<ChatLogprobEntry>;

export function openMessage(place: Place, logprobsOf: LogprobsOf): OpenItem {
  return openText(place, {
    kind: 'message',
    partType: 'output_text',
    itemFields: (content) => ({ role: 'assistant', content }),
    partFields: (tokens) => ({ annotations: [], logprobs: textLogprobs(logprobsOf(tokens)) }),
    eventFields: (tokens) => ({ logprobs: eventLogprobs(logprobsOf(tokens)) }),
  });
}

interface TextForm {
  kind: OutputItem['type'];
  /** Type of the item's only part, and of the events about its text. */
  partType: 'reasoning_text' | 'output_text';
  itemFields: (content: object[]) => object;
  /** `partFields` are for the part, `eventFields` for its events. Both get the tokens of the text that have log-probabilities. */
  partFields: (tokens: readonly AnswerToken[]) => object;
  eventFields: (tokens: readonly AnswerToken[]) => object;
}

/** An item whose content is one part with a text. */
function openText(
  { id, index }: Place,
  { kind, partType, itemFields, partFields, eventFields }: TextForm,
): OpenItem {
  const pieces: string[] = [];
  const tokens: AnswerToken[] = [];
  const at = { item_id: id, output_index: index, content_index: 0 };
  const events = { grown: `response.${partType}.delta`, ended: `response.${partType}.done` };
  const part = () => ({ type: partType, text: pieces.join(''), ...partFields(tokens) });
  const item = (status: ItemStatus, content = [part()]) => {
    return { type: kind, id, status, ...itemFields(content) };
  };
  return {
    kind,
    item: (status) => item(status),
    begin: () => [
      { type: 'response.output_item.added', output_index: index, item: item('in_progress', []) },
      { type: 'response.content_part.added', ...at, part: part() },
    ],
    grow: (delta, added) => {
      pieces.push(delta);
      for (const token of added) tokens.push(token);
      return { type: events.grown, ...at, delta, ...eventFields(added) };
    },
    end: (status) => [
      { type: events.ended, ...at, text: pieces.join(''), ...eventFields(tokens) },
      { type: 'response.content_part.done', ...at, part: part() },
      { type: 'response.output_item.done', output_index: index, item: item(status) },
    ],
  };
}

/** How calls are written, by kind of tool. `reader` returns a function from pieces of the model's JSON to pieces of `field`. */
const callForms = {
  function: { kind: 'function_call', field: 'arguments', reader: () => (json: string) => json },
  custom: {
    kind: 'custom_tool_call',
    field: 'input',
    reader: () => {
      const input = new CustomInput();
      return (json: string) => input.push(json);
    },
  },
} as const;

export function openCall(
  { id, index }: Place,
  { callId, tool }: { callId: string; tool: OfferedTool },
): OpenItem {
  const { kind: toolKind, ...named } = tool;
  const { kind, field, reader } = callForms[toolKind];
  const events = { grown: `response.${kind}_${field}.delta`, ended: `response.${kind}_${field}.done` };
  const read = reader();
  const pieces: string[] = [];
  const at = { item_id: id, output_index: index };
  const item = (status: ItemStatus): OutputItem => {
    return { type: kind, id, status, call_id: callId, ...named, [field]: pieces.join('') };
  };
  return {
    kind,
    item,
    begin: () => [{ type: 'response.output_item.added', output_index: index, item: item('in_progress') }],
    grow: (json) => {
      const delta = read(json);
      if (delta === '') return undefined;
      pieces.push(delta);
      return { type: events.grown, ...at, delta };
    },
    end: (status) => [
      { type: events.ended, ...at, [field]: pieces.join('') },
      { type: 'response.output_item.done', output_index: index, item: item(status) },
    ],
  };
}

function textLogprobs(entries: LazyList<ChatLogprobEntry>): LazyList<object> {
  // Special tokens have no bytes. OpenAI's types do not allow null here.
  const whole = ({ bytes, ...rest }: ChatLogprob) => ({ ...rest, bytes: bytes ?? [] });
  return lazyMap(entries, ({ top_logprobs, ...own }) => {
    return { ...whole(own), top_logprobs: top_logprobs.map(whole) };
  });
}

/** In events, log-probabilities have no bytes. */
function eventLogprobs(entries: LazyList<ChatLogprobEntry>): LazyList<object> {
  return lazyMap(entries, ({ token, logprob, top_logprobs }) => {
    const others = top_logprobs.map((other) => ({ token: other.token, logprob: other.logprob }));
    return { token, logprob, top_logprobs: others };
  });
}
