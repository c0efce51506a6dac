// Runs one generation and yields its choice as text: engine parts in, pieces of text and exactly one finish out.
import type {
  DegradedHops,
  EngineClient,
  FinishReason,
  GenerationPart,
  GenerationRequest,
  PromptLogprob,
} from '../../engine/messages.ts';
import { ApiError, ClientGone, fromGeneration } from '../errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { AnswerText, type AnswerToken, type Released, type TextRules } from './answer-text.ts';
import type { EchoedPrompt } from './echo.ts';

export interface ChoiceUsage {
  /** 0 for further choices of a prompt, which counts once. */
  promptTokens: number;
  /** Includes the stop id and the token that completed a stop string, but no later token. */
  completionTokens: number;
  /** Cached tokens among `promptTokens`. Undefined if the answer ended before the engine reported them. */
  cachedTokens: number | undefined;
  /** Completion tokens that are thinking. Absent if the model does not think. */
  reasoningTokens?: number;
  /** Absent: no rung stood in for an expert. */
  degradedHops?: DegradedHops;
}

/** The events of one choice: its prompt if it is echoed, pieces of text, one finish. */
export type AnswerEvent =
  | { type: 'prompt'; index: number; prompt: EchoedPrompt }
  | { type: 'text'; index: number; text: string; tokens: AnswerToken[] }
  | {
      type: 'finish';
      index: number;
      reason: FinishReason;
      /** The stop id that ended the answer, if one did. It has no text. */
      stop?: AnswerToken;
      /** The request's stop string that ended the answer, if one did. */
      stopString?: string;
      usage: ChoiceUsage;
    };

export interface AnswerOptions {
  engine: Pick<EngineClient, 'generate'>;
  tokenizer: Tokenizer;
  request: GenerationRequest;
  /** Place among the request's choices. */
  index: number;
  /** Whether this choice counts the tokens of the prompt. */
  countsPrompt: boolean;
  /**
   * Yield the prompt first. All choices of a prompt share it: the one that counts the prompt calls `scored`, and the others wait
   * for `prompt`, which is undefined if that one failed.
   */
  echo?: {
    scored: (logprobs: readonly PromptLogprob[]) => void;
    prompt: Promise<EchoedPrompt | undefined>;
  };
  /** Called once with the log-probabilities of the prompt. */
  onScored?: (logprobs: readonly PromptLogprob[]) => void;
  rules: TextRules;
  signal: AbortSignal;
  /** Called for every token of the engine. */
  onToken: (index: number) => void;
}

/** Throws an ApiError if the generation fails, and ClientGone if `signal` ended it. */
export async function* answer({
  engine,
  tokenizer,
  request,
  index,
  countsPrompt,
  echo,
  onScored,
  rules,
  signal,
  onToken,
}: AnswerOptions): AsyncGenerator<AnswerEvent, void, undefined> {
  let text: AnswerText | undefined;
  const stop = new AbortController();
  const logprobs: PromptLogprob[] = [];
  let completionTokens = 0;
  for await (const part of engine.generate(request, AbortSignal.any([signal, stop.signal]))) {
    if (part.type === 'error') throw fromGeneration(part.error);
    if (part.type === 'prompt') {
      for (const told of part.logprobs) logprobs.push(told);
      continue;
    }
    if (text === undefined) {
      if (countsPrompt) echo?.scored(logprobs);
      onScored?.(logprobs);
      const prompt = await echo?.prompt;
      if (echo && prompt === undefined) return;
      text = new AnswerText(tokenizer, { ...rules, offset: prompt?.length ?? 0 });
      if (prompt !== undefined) yield { type: 'prompt', index, prompt };
    }
    if (part.type === 'token') {
      completionTokens++;
      onToken(index);
      const { type: _type, began: _began, degradedHops, ...token } = part;
      const released = text.push(token);
      if (released.stopped) stop.abort();
      if (released.text.length > 0 || released.tokens.length > 0) {
        yield { type: 'text', index, text: released.text, tokens: released.tokens };
      }
      if (!released.stopped) continue;
      const usage = {
        promptTokens: countsPrompt ? request.prompt.length : 0,
        completionTokens,
        cachedTokens: countsPrompt ? undefined : 0,
        ...hops(degradedHops),
      };
      yield { type: 'finish', index, reason: 'stop', ...stopStringOf(released), usage };
      return;
    }
    const last = text.end();
    const { text: rest, tokens, stopped } = last;
    if (rest.length > 0 || tokens.length > 0) yield { type: 'text', index, text: rest, tokens };
    const { promptTokens, cachedTokens, completionTokens: generated, degradedHops } = part;
    const usage = {
      promptTokens: countsPrompt ? promptTokens : 0,
      completionTokens: generated,
      cachedTokens: countsPrompt ? cachedTokens : 0,
      ...hops(degradedHops),
    };
    const reason = stopped ? 'stop' : part.reason;
    yield {
      type: 'finish',
      index,
      reason,
      ...(!stopped && stopOf(part, text.offset)),
      ...stopStringOf(last),
      usage,
    };
    return;
  }
  if (signal.aborted) throw new ClientGone();
  const message = 'The generation ended without a finish.';
  throw new ApiError({ status: 500, message, type: 'server_error', code: 'internal' });
}

function stopOf(
  { stopId, stopLogprob }: Extract<GenerationPart, { type: 'finish' }>,
  offset: number,
): { stop?: AnswerToken } {
  return stopId === undefined ? {} : { stop: { id: stopId, offset, ...stopLogprob } };
}

function stopStringOf({ stopString }: Released): { stopString?: string } {
  return stopString === undefined ? {} : { stopString };
}

function hops(degradedHops: DegradedHops | undefined): { degradedHops?: DegradedHops } {
  return degradedHops === undefined ? {} : { degradedHops };
}
