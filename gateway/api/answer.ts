// Runs one generation and yields its choice as text: engine parts in, pieces of text and exactly one finish out. Knows
// no wire format.
import type { DegradedHops, EngineClient, FinishReason, GenerationRequest } from '../engine/messages.ts';
import { AnswerText, type AnswerToken } from './answer-text.ts';
import { ApiError, ClientGone, fromGeneration } from './errors.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface ChoiceUsage {
  promptTokens: number;
  /** The stop id, and the token that completed a stop string, included; nothing after. */
  completionTokens: number;
  /** Undefined where the answer ended before the engine told. */
  cachedTokens: number | undefined;
  /** Absent: nothing stood in for an expert. */
  degradedHops?: DegradedHops;
}

export type AnswerEvent =
  | { type: 'text'; index: number; text: string; tokens: AnswerToken[] }
  | { type: 'finish'; index: number; reason: FinishReason; usage: ChoiceUsage };

export interface AnswerOptions {
  engine: EngineClient;
  tokenizer: Tokenizer;
  request: GenerationRequest;
  /** Place among the request's choices. */
  index: number;
  stops: readonly string[];
  signal: AbortSignal;
  /** Called for every token that the engine gives. */
  onToken: (index: number) => void;
}

/** Throws an ApiError where the generation fails, ClientGone where `signal` ended it. */
export async function* answer({
  engine,
  tokenizer,
  request,
  index,
  stops,
  signal,
  onToken,
}: AnswerOptions): AsyncGenerator<AnswerEvent, void, undefined> {
  const text = new AnswerText(tokenizer, stops);
  const stop = new AbortController();
  let completionTokens = 0;
  for await (const part of engine.generate(request, AbortSignal.any([signal, stop.signal]))) {
    if (part.type === 'error') throw fromGeneration(part.error);
    if (part.type === 'token') {
      completionTokens++;
      onToken(index);
      const { type: _type, degradedHops, ...token } = part;
      const released = text.push(token);
      if (released.stopped) stop.abort();
      if (released.text.length > 0 || released.tokens.length > 0) {
        yield { type: 'text', index, text: released.text, tokens: released.tokens };
      }
      if (!released.stopped) continue;
      const usage = {
        promptTokens: request.prompt.length,
        completionTokens,
        cachedTokens: undefined,
        ...hops(degradedHops),
      };
      yield { type: 'finish', index, reason: 'stop', usage };
      return;
    }
    const { text: rest, tokens, stopped } = text.end();
    if (rest.length > 0 || tokens.length > 0) yield { type: 'text', index, text: rest, tokens };
    const { promptTokens, cachedTokens } = part;
    const { completionTokens: generated, degradedHops } = part;
    const usage = { promptTokens, completionTokens: generated, cachedTokens, ...hops(degradedHops) };
    yield { type: 'finish', index, reason: stopped ? 'stop' : part.reason, usage };
    return;
  }
  if (signal.aborted) throw new ClientGone();
  const message = 'The generation ended without a finish.';
  throw new ApiError({ status: 500, message, type: 'server_error', code: 'internal' });
}

function hops(degradedHops: DegradedHops | undefined): { degradedHops?: DegradedHops } {
  return degradedHops === undefined ? {} : { degradedHops };
}
