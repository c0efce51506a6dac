// Writes one answer in the shape of Anthropic's API, both as a stream of events and as a whole message.
import type { ChoiceUsage } from '../answers/answer.ts';
import type { MessageEvent } from '../answers/messages/message-events.ts';
import { provenanceOf } from '../answers/usage.ts';
import type { ReleasedAmounts } from '../resume/released.ts';
import type { AppliedEdit } from './context-management.ts';
import type { MessagesRequest } from './schema.ts';

interface MessageFrame {
  id: string;
  /** Id of the model that answers. */
  model: string;
  seed: number;
  /** Paths in the request of schema parts that are not enforced. */
  schemaNotes: readonly string[];
  promptTokens: number;
  /** Fields of the request that affect the shape of the message. */
  asked: Pick<MessagesRequest, 'thinking' | 'diagnostics' | 'context_management'>;
  /** The edits of `context_management` that changed the conversation. */
  edits?: readonly AppliedEdit[];
  /** Number of tokens in an answer that fills the model's context. */
  room: number;
}

export interface WireEvent {
  type: string;
  [field: string]: unknown;
}

/** Anthropic's answers have one choice and no log-probabilities. */
export function releasedByEvent({ type, delta, content_block: block }: WireEvent): ReleasedAmounts {
  const { text, thinking, partial_json: json } = (delta ?? {}) as Record<string, string | undefined>;
  const begins = type === 'content_block_start' && (block as { type?: string }).type === 'tool_use';
  return {
    choice: 0,
    bytes: Buffer.byteLength(text ?? thinking ?? json ?? ''),
    calls: begins || json !== undefined ? 1 : 0,
    entries: 0,
  };
}

type Finish = Extract<MessageEvent, { type: 'finish' }>;

type Block =
  | { type: 'thinking'; pieces: string[] }
  | { type: 'text'; pieces: string[] }
  | { type: 'tool_use'; id: string; name: string; pieces: string[] };

export class MessageWriter {
  readonly #frame: MessageFrame;
  readonly #blocks: Block[] = [];
  #finish: Finish | undefined;

  constructor(frame: MessageFrame) {
    this.#frame = frame;
  }

  /** The message so far. */
  get message(): object {
    const { id, model, seed, schemaNotes, promptTokens } = this.#frame;
    return {
      id,
      type: 'message',
      role: 'assistant',
      model,
      content: this.#blocks.map((block) => wholeBlock(block)),
      ...this.#ending(),
      diagnostics: diagnosticsOf(this.#frame.asked),
      ...this.#management(),
      usage: {
        ...usageOf(this.#finish?.usage ?? { promptTokens, completionTokens: 0, cachedTokens: 0 }),
        cache_creation: null,
        inference_geo: null,
        service_tier: 'standard',
        speed: null,
      },
      expertgrid: {
        seed,
        ...(this.#finish && provenanceOf(this.#finish.usage)),
        ...(schemaNotes.length > 0 && { schema_notes: schemaNotes }),
      },
    };
  }

  /** All events of the message. `message` is the answer of the model, in pieces. */
  async *events(message: AsyncIterable<MessageEvent>): AsyncGenerator<WireEvent, void, undefined> {
    yield { type: 'message_start', message: this.message };
    for await (const event of message) yield* this.#take(event);
  }

  *#take(event: MessageEvent): Generator<WireEvent, void, undefined> {
    switch (event.type) {
      case 'reasoning':
        if (event.text === '') return;
        yield* this.#into({ type: 'thinking', pieces: [] });
        if (this.#omitsThinking) return;
        yield* this.#grow(event.text, { type: 'thinking_delta', thinking: event.text });
        return;
      case 'content':
        if (event.text === '') return;
        yield* this.#into({ type: 'text', pieces: [] });
        yield* this.#grow(event.text, { type: 'text_delta', text: event.text });
        return;
      case 'call':
        yield* this.#begin({ type: 'tool_use', id: event.id, name: event.name, pieces: [] });
        return;
      case 'arguments':
        yield* this.#grow(event.text, { type: 'input_json_delta', partial_json: event.text });
        return;
      case 'finish': {
        // Clients read the first text block without a check, so an answer without calls must have one.
        if (this.#blocks.every(({ type }) => type === 'thinking'))
          yield* this.#begin({ type: 'text', pieces: [] });
        yield* this.#end();
        this.#finish = event;
        const provenance = provenanceOf(event.usage);
        yield {
          type: 'message_delta',
          delta: this.#ending(),
          ...this.#management(),
          usage: usageOf(event.usage),
          ...(Object.keys(provenance).length > 0 && { expertgrid: provenance }),
        };
        yield { type: 'message_stop' };
      }
    }
  }

  *#into(block: Block): Generator<WireEvent, void, undefined> {
    if (this.#blocks.at(-1)?.type !== block.type) yield* this.#begin(block);
  }

  *#begin(block: Block): Generator<WireEvent, void, undefined> {
    yield* this.#end();
    this.#blocks.push(block);
    yield { type: 'content_block_start', index: this.#blocks.length - 1, content_block: wholeBlock(block) };
  }

  *#grow(text: string, delta: WireEvent): Generator<WireEvent, void, undefined> {
    const block = this.#blocks.at(-1);
    if (block === undefined) throw new Error('text without an open block');
    block.pieces.push(text);
    if (text !== '') yield { type: 'content_block_delta', index: this.#blocks.length - 1, delta };
  }

  *#end(): Generator<WireEvent, void, undefined> {
    const [index, block] = [this.#blocks.length - 1, this.#blocks.at(-1)];
    if (block === undefined) return;
    // Some clients send thinking back only if it came with a signature.
    if (block.type === 'thinking') {
      yield { type: 'content_block_delta', index, delta: { type: 'signature_delta', signature: '' } };
    }
    yield { type: 'content_block_stop', index };
  }

  get #omitsThinking(): boolean {
    const { thinking } = this.#frame.asked;
    return thinking != null && 'display' in thinking && thinking.display === 'omitted';
  }

  /** Empty if the request has no `context_management`. */
  #management(): object {
    const { asked, edits = [] } = this.#frame;
    return asked.context_management ? { context_management: { applied_edits: edits } } : {};
  }

  #ending(): object {
    const finish = this.#finish;
    return {
      stop_reason: finish === undefined ? null : stopReason(finish, this.#frame),
      stop_sequence: finish?.stopString ?? null,
      stop_details: null,
      container: null,
    };
  }
}

function stopReason({ reason, stopString, usage }: Finish, { room }: MessageFrame): string {
  if (reason === 'tool_calls') return 'tool_use';
  if (reason === 'length') {
    return usage.completionTokens >= room ? 'model_context_window_exceeded' : 'max_tokens';
  }
  return stopString === undefined ? 'end_turn' : 'stop_sequence';
}

/** The reason for a cache miss is always `unavailable`, because earlier prompts are not stored. */
function diagnosticsOf({ diagnostics }: MessageFrame['asked']): object | null {
  if (!diagnostics) return null;
  const earlier = typeof diagnostics.previous_message_id === 'string';
  return { cache_miss_reason: earlier ? { type: 'unavailable' } : null };
}

/** The content block with all of its text. The input of a call is `{}` until its JSON is complete. */
function wholeBlock(block: Block): object {
  const text = block.pieces.join('');
  if (block.type === 'text') return { type: 'text', text };
  if (block.type === 'thinking') return { type: 'thinking', thinking: text, signature: '' };
  return {
    type: 'tool_use',
    id: block.id,
    name: block.name,
    input: parsed(text),
    caller: { type: 'direct' },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** In Anthropic's API, `input_tokens` does not include cached tokens. The whole prompt is the sum of both numbers. */
function usageOf({ promptTokens, completionTokens, cachedTokens = 0, reasoningTokens }: ChoiceUsage): object {
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
    output_tokens_details: reasoningTokens === undefined ? null : { thinking_tokens: reasoningTokens },
    server_tool_use: null,
  };
}
