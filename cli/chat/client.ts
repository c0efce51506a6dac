// The HTTP client of `expertgrid chat`: it lists the models of a gateway and streams answers.
import { z } from 'zod';
import { fetchErrorText } from '../../base/error-text.ts';
import { EventReader } from './events.ts';

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ChatRequest {
  model: string;
  messages: readonly ChatMessage[];
  temperature?: number;
  max_tokens?: number;
  seed?: number;
}

export type AnswerPiece =
  | { type: 'reasoning' | 'content'; text: string }
  /** Totals so far. `degradedHops`: see `AnswerSummary`. */
  | { type: 'usage'; tokens: number; degradedHops: number }
  | { type: 'finish'; reason: string };

/** An error whose message is one line for the user. */
export class ChatError extends Error {}

/** Deadline of `GET /v1/models`. */
const LIST_MS = 10_000;

const errorBody = z.object({ error: z.object({ message: z.string() }) });
const modelsBody = z.object({ data: z.array(z.object({ id: z.string() })) });
const chunkBody = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: z
    .object({
      completion_tokens: z.number(),
      degraded_hops: z.record(z.string(), z.number()).optional(),
    })
    .nullish(),
});

export class ChatClient {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  /** `url` may end in `/v1`. */
  constructor({ url, apiKey }: { url: string; apiKey: string | undefined }) {
    this.#url = url.replace(/\/+$/, '').replace(/\/v1$/, '');
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  }

  /** Ids of the models. */
  async models(): Promise<string[]> {
    const response = await this.#ask('/v1/models', { signal: AbortSignal.timeout(LIST_MS) });
    return modelsBody.parse(await response.json()).data.map(({ id }) => id);
  }

  /** Throws a ChatError if the answer is not complete. If `signal` is aborted, the answer ends early without an error. */
  async *answer(request: ChatRequest, signal: AbortSignal): AsyncGenerator<AnswerPiece, void, undefined> {
    const usage = { include_usage: true, continuous_usage_stats: true };
    const body = JSON.stringify({ ...request, stream: true, stream_options: usage });
    try {
      const response = await this.#ask('/v1/chat/completions', { method: 'POST', body, signal });
      if (response.body === null) throw new ChatError('the answer has no body');
      const reader = new EventReader();
      for await (const bytes of response.body) {
        for (const data of reader.push(bytes)) {
          if (data === '[DONE]') return;
          yield* pieces(data);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof ChatError
        ? error
        : new ChatError(`the answer broke off: ${oneLine(fetchErrorText(error))}`);
    }
    if (!signal.aborted) throw new ChatError('the answer broke off: the gateway closed the connection');
  }

  #keyFault(): string {
    if (this.#headers.authorization === undefined) {
      return `the gateway at ${this.#url} needs an API key: give yours as EXPERTGRID_API_KEY or --api-key`;
    }
    return (
      `the gateway at ${this.#url} does not know this API key: it was revoked, or belongs to another server. ` +
      'Give another as EXPERTGRID_API_KEY or --api-key'
    );
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...this.#headers, 'content-type': 'application/json' };
    const response = await fetch(this.#url + path, { ...init, headers }).catch((error: unknown) => {
      if (init.signal?.aborted && error instanceof Error && error.name === 'AbortError') throw error;
      throw new ChatError(
        `${this.#url} does not answer (${oneLine(fetchErrorText(error))}); start a gateway with "expertgrid up", or name another with --url`,
      );
    });
    if (response.ok) return response;
    if (response.status === 401) throw new ChatError(this.#keyFault());
    throw new ChatError(messageOf(await response.text(), response.status));
  }
}

function* pieces(data: string): Generator<AnswerPiece, void, undefined> {
  const value: unknown = parsed(data);
  const failure = errorBody.safeParse(value);
  if (failure.success) throw new ChatError(oneLine(failure.data.error.message));
  const chunk = chunkBody.safeParse(value);
  if (!chunk.success)
    throw new ChatError(`the gateway sent something that is not part of an answer: ${oneLine(data)}`);
  const { choices, usage } = chunk.data;
  for (const { delta, finish_reason } of choices) {
    if (delta.reasoning_content) yield { type: 'reasoning', text: delta.reasoning_content };
    if (delta.content) yield { type: 'content', text: delta.content };
    if (finish_reason) yield { type: 'finish', reason: finish_reason };
  }
  if (!usage) return;
  const degradedHops = Object.values(usage.degraded_hops ?? {}).reduce((sum, hops) => sum + hops, 0);
  yield { type: 'usage', tokens: usage.completion_tokens, degradedHops };
}

function messageOf(text: string, status: number): string {
  const body = errorBody.safeParse(parsed(text));
  return body.success ? oneLine(body.data.error.message) : `the gateway answered ${status}: ${oneLine(text)}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller reports it
  }
}

function oneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
