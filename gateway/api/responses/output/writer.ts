// Writes one response, both as a stream of OpenAI's numbered events and as a whole. The source is the model's answer, in pieces.
import type { AnswerToken } from '../../answers/answer-text.ts';
import type { MessageEvent } from '../../answers/messages/message-events.ts';
import { LazyList } from '../../budget/json-pieces.ts';
import type { ApiError } from '../../errors.ts';
import { derivedId } from '../../resume/derived-id.ts';
import type { ReleasedAmounts } from '../../resume/released.ts';
import type { OfferedTool } from '../tools/offered-tools.ts';
import { type ResponseFrame, type ResponseState, responseBody } from './body.ts';
import {
  type ItemEvent,
  type ItemStatus,
  type LogprobsOf,
  type OpenItem,
  type OutputItem,
  openCall,
  openMessage,
  openReasoning,
} from './open-item.ts';

export type ResponseEvent = ItemEvent & { sequence_number: number };

/** The answer has one choice. Only deltas count, because the events at the end of an item repeat its text. */
export function releasedByEvent({ type, delta, logprobs }: ResponseEvent): ReleasedAmounts {
  if (typeof delta !== 'string') return { choice: 0, bytes: 0, calls: 0, entries: 0 };
  return {
    choice: 0,
    bytes: Buffer.byteLength(delta),
    calls: type.includes('_call_') ? 1 : 0,
    entries: (logprobs as { length: number } | undefined)?.length ?? 0,
  };
}

const textItems = {
  reasoning: { prefix: 'rs', open: openReasoning },
  message: { prefix: 'msg', open: openMessage },
};

const noLogprobs: LogprobsOf = () => new LazyList(0, () => []);

interface WriterOptions {
  /** Makes the log-probabilities of tokens of the text. Default: there are none. */
  logprobsOf?: LogprobsOf;
  /** Tools by the names that the model calls. An unknown name counts as a function. */
  tools?: ReadonlyMap<string, OfferedTool>;
}

export class ResponseWriter {
  readonly #frame: ResponseFrame;
  readonly #logprobsOf: LogprobsOf | undefined;
  readonly #tools: ReadonlyMap<string, OfferedTool>;
  readonly #output: OutputItem[] = [];
  #open: OpenItem | undefined;
  #state: ResponseState = { status: 'in_progress' };
  #sequence = 0;

  constructor(frame: ResponseFrame, { logprobsOf, tools = new Map() }: WriterOptions = {}) {
    this.#frame = frame;
    this.#logprobsOf = logprobsOf;
    this.#tools = tools;
  }

  /** The response so far. */
  get response(): object {
    const open = this.#open === undefined ? [] : [this.#open.item(this.#statusOfOpen())];
    return responseBody(this.#frame, this.#state, [...this.#output, ...open]);
  }

  /** All events of the message. The last one says that the response is completed or incomplete. */
  async *events(message: AsyncIterable<MessageEvent>): AsyncGenerator<ResponseEvent, void, undefined> {
    yield this.#numbered({ type: 'response.created', response: this.response });
    yield this.#numbered({ type: 'response.in_progress', response: this.response });
    for await (const event of message) {
      for (const made of this.#take(event)) yield this.#numbered(made);
    }
  }

  /** The events that end a stream because of an error. */
  failure(error: ApiError): ResponseEvent[] {
    const { message, code = null, param = null } = error;
    this.#state = { status: 'failed', error };
    return [
      { type: 'error', code, message, param },
      { type: 'response.failed', response: this.response },
    ].map((event) => this.#numbered(event));
  }

  *#take(event: MessageEvent): Generator<ItemEvent, void, undefined> {
    switch (event.type) {
      case 'reasoning':
        if (event.text === '') return;
        yield* this.#into('reasoning');
        yield* this.#grown(event.text);
        return;
      case 'content':
        yield* this.#content(event.text, event.tokens);
        return;
      case 'call':
        yield* this.#end('completed');
        yield* this.#begin(this.#call(event));
        return;
      case 'arguments':
        if (event.text !== '') yield* this.#grown(event.text);
        return;
      case 'finish': {
        // An answer without tokens is a message with an empty text.
        if (this.#open === undefined && this.#output.length === 0) yield* this.#into('message');
        // As in a chat, the stop id has a log-probability. It is left out after a call, because only texts have log-probabilities.
        if (event.stop !== undefined && this.#open?.kind === 'message') {
          yield* this.#content('', [event.stop]);
        }
        const status = event.reason === 'length' ? 'incomplete' : 'completed';
        yield* this.#end(status);
        this.#state = { status, usage: event.usage };
        yield { type: `response.${status}`, response: this.response };
      }
    }
  }

  *#content(text: string, tokens: readonly AnswerToken[]): Generator<ItemEvent, void, undefined> {
    const scored = this.#logprobsOf === undefined ? [] : tokens;
    if (text === '' && scored.length === 0) return;
    yield* this.#into('message');
    yield* this.#grown(text, scored);
  }

  /** Keeps the open item if it is of this kind. Otherwise ends the open item and begins a new one. */
  *#into(kind: keyof typeof textItems): Generator<ItemEvent, void, undefined> {
    if (this.#open?.kind === kind) return;
    yield* this.#end('completed');
    const { prefix, open } = textItems[kind];
    yield* this.#begin(open(this.#place(prefix), this.#logprobsOf ?? noLogprobs));
  }

  *#grown(text: string, tokens: readonly AnswerToken[] = []): Generator<ItemEvent, void, undefined> {
    if (this.#open === undefined) throw new Error('text without an open item');
    const grown = this.#open.grow(text, tokens);
    if (grown !== undefined) yield grown;
  }

  #call({ id: callId, name }: { id: string; name: string }): OpenItem {
    const tool = this.#tools.get(name) ?? { kind: 'function', name };
    return openCall(this.#place({ function: 'fc', custom: 'ctc' }[tool.kind]), { callId, tool });
  }

  *#begin(item: OpenItem): Generator<ItemEvent, void, undefined> {
    this.#open = item;
    yield* item.begin();
  }

  *#end(status: ItemStatus): Generator<ItemEvent, void, undefined> {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    this.#output.push(open.item(status));
    yield* open.end(status);
  }

  #place(prefix: string): { id: string; index: number } {
    const index = this.#output.length;
    return { id: `${prefix}_${derivedId(this.#frame.id, prefix, index)}`, index };
  }

  #statusOfOpen(): ItemStatus {
    return this.#state.status === 'in_progress' ? 'in_progress' : 'incomplete';
  }

  #numbered(event: ItemEvent): ResponseEvent {
    return { ...event, sequence_number: this.#sequence++ };
  }
}
