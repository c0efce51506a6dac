// Parses the text of an answer, while it arrives, into the events of a message: thinking, content and tool calls.

import { derivedId } from '../../resume/derived-id.ts';
import type { AnswerEvent } from '../answer.ts';
import type { AnswerToken } from '../answer-text.ts';
import type { MessageEvent, MessageFinish, WholeMessage } from './message-events.ts';
import { type Reader, readerOf, type SectionRules, type Stretch } from './sections.ts';

/** Rules by which a text is divided into the parts of a message. */
export interface MessageRules extends SectionRules {
  /** Makes the id of a choice's tool call with this number. */
  callId: CallIdOf;
}

export type CallIdOf = (choice: number, call: number) => string;

/** Ids of the form `call_` and 24 hexadecimal digits. */
export function callIdsOf(answerId: string): CallIdOf {
  return (choice, call) => `call_${derivedId(answerId, choice, call).slice(0, 24)}`;
}

type MessagePiece = Exclude<MessageEvent, { type: 'finish' }>;

/** Parses the events of all choices while they arrive. Throws for an echoed prompt, because chats do not support `echo`. */
export async function* messageEvents(
  events: AsyncIterable<AnswerEvent>,
  rules: MessageRules,
): AsyncGenerator<MessageEvent, void, undefined> {
  const parsers = new Map<number, MessageParser>();
  const thinks = rules.thinking !== undefined || rules.channels !== undefined;
  for await (const event of events) {
    if (event.type === 'prompt') throw new Error('a chat echoes no prompt');
    const parser = parsers.get(event.index) ?? new MessageParser(event.index, rules);
    parsers.set(event.index, parser);
    // `yield*` would cost more for every event than this loop does.
    if (event.type === 'text') for (const piece of parser.push(event.text, event.tokens)) yield piece;
    else {
      for (const piece of parser.end({ cut: event.reason === 'length' })) yield piece;
      const { reasoningTokens } = parser;
      const usage = { ...event.usage, ...(thinks && { reasoningTokens }) };
      yield { ...event, reason: parser.finish(event.reason), usage };
    }
  }
}

/** The parser of one choice. A token belongs to the event whose text contains the token's first character. */
class MessageParser {
  /** Number of tokens whose first character is between the tags of thinking. */
  reasoningTokens = 0;
  readonly #index: number;
  /** True if all text is content. */
  readonly #plain: boolean;
  readonly #reader: Reader;
  readonly #callId: CallIdOf;
  #calls = 0;
  /** Tokens whose text the reader may still hold back. */
  #tokens: AnswerToken[] = [];
  /** Number of code points that the reader has released. */
  #read = 0;
  #last: Stretch['kind'] = 'content';

  constructor(index: number, { callId, ...rules }: MessageRules) {
    this.#index = index;
    const { thinking, calls, channels } = rules;
    this.#plain = [thinking, calls, channels].every((rule) => rule === undefined);
    this.#reader = readerOf(rules);
    this.#callId = callId;
  }

  push(text: string, tokens: readonly AnswerToken[]): MessagePiece[] {
    if (this.#plain) return [{ type: 'content', index: this.#index, text, tokens: [...tokens] }];
    this.#tokens.push(...tokens);
    return this.#pieces(this.#reader.push(text));
  }

  end({ cut }: { cut: boolean }): MessagePiece[] {
    const pieces = this.#pieces(this.#reader.end({ cut }));
    // The remaining tokens have no text and belong to the last event.
    if (this.#tokens.length > 0) pieces.push(this.#piece(this.#last, '', this.#tokens.splice(0)));
    return pieces;
  }

  /** The finish reason is `tool_calls` if the answer stopped after a complete call. */
  finish(reason: 'stop' | 'length'): MessageFinish {
    return reason === 'stop' && this.#calls > 0 && !this.#reader.withinCall ? 'tool_calls' : reason;
  }

  #pieces(stretches: readonly Stretch[]): MessagePiece[] {
    const pieces: MessagePiece[] = [];
    for (const { kind, raw, text, thought, name } of stretches) {
      for (const _ of raw) this.#read++;
      const tokens = this.#begun();
      if (thought) this.reasoningTokens += tokens.length;
      this.#last = kind === 'call' ? 'arguments' : kind;
      const last = pieces.at(-1);
      if (name !== undefined) {
        const call = this.#calls++;
        pieces.push({
          type: 'call',
          index: this.#index,
          call,
          id: this.#callId(this.#index, call),
          name,
          tokens,
        });
      } else if (last?.type === kind && last.type !== 'call') {
        last.text += text;
        last.tokens.push(...tokens);
      } else pieces.push(this.#piece(kind, text, tokens));
    }
    return pieces.filter((piece) => piece.type === 'call' || piece.text !== '' || piece.tokens.length > 0);
  }

  #piece(kind: Stretch['kind'], text: string, tokens: AnswerToken[]): MessagePiece {
    const own = { index: this.#index, text, tokens };
    if (kind === 'reasoning' || kind === 'content') return { type: kind, ...own };
    return { type: 'arguments', call: this.#calls - 1, ...own };
  }

  /** Removes and returns the tokens whose first character has been released. */
  #begun(): AnswerToken[] {
    const first = this.#tokens.findIndex(({ offset }) => offset >= this.#read);
    return this.#tokens.splice(0, first < 0 ? this.#tokens.length : first);
  }
}

/** Collects the whole messages of all choices, in order of index. `ended` gets each message when it has ended. */
export async function collectMessages(
  events: AsyncIterable<MessageEvent>,
  ended: (message: WholeMessage) => void = () => {},
): Promise<WholeMessage[]> {
  const open = new Map<number, Pick<WholeMessage, 'reasoning' | 'content' | 'calls' | 'tokens'>>();
  const messages: WholeMessage[] = [];
  for await (const event of events) {
    const message = open.get(event.index) ?? { content: '', calls: [], tokens: [] };
    open.set(event.index, message);
    if (event.type === 'finish') {
      const { type: _, ...finish } = event;
      const whole = { ...finish, ...message };
      messages.push(whole);
      ended(whole);
      continue;
    }
    for (const token of event.tokens) message.tokens.push(token);
    if (event.type === 'reasoning') message.reasoning = (message.reasoning ?? '') + event.text;
    else if (event.type === 'content') message.content += event.text;
    else if (event.type === 'call') message.calls.push({ id: event.id, name: event.name, arguments: '' });
    else {
      const call = message.calls.at(-1);
      if (call === undefined) throw new Error('arguments without a call');
      call.arguments += event.text;
    }
  }
  return messages.sort((a, b) => a.index - b.index);
}
