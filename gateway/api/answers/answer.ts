// Runs one generation and yields its choice as text. The engine's parts come in; pieces of text and exactly one finish go out.
import type {
  DegradedHops,
  EngineClient,
  FinishReason,
  GenerationPart,
  GenerationRequest,
  OnDrop,
  PromptLogprob,
} from '../../engine/messages.ts';
import { ApiError, ClientGone, fromGeneration } from '../errors.ts';
import { abortedWith } from '../linked-abort.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { AnswerText, type AnswerToken, type Released, type TextRules } from './answer-text.ts';
import type { EchoedPrompt } from './echo.ts';

export interface ChoiceUsage {
  /** The tokens of a prompt are counted by one of its choices. The other choices have 0 here. */
  promptTokens: number;
  /** Includes the stop id, or the token that completed a stop string, but no later token. */
  completionTokens: number;
  /** Cached tokens among `promptTokens`. Undefined if the answer ended before the engine reported them. */
  cachedTokens: number | undefined;
  /** Completion tokens that are thinking. Absent if the model does not think. */
  reasoningTokens?: number;
  /** Undefined: no expert was replaced. */
  degradedHops?: DegradedHops | undefined;
  /** Number of experts' answers that came from shards of other zones. Undefined: none. */
  remoteHops?: number | undefined;
  /** Number of calls of experts. Undefined: neither the request nor the gateway sets how many a token uses. */
  expertCalls?: number | undefined;
  /** Number of calls that a prompt did without. One of its choices has it. Undefined: the request sets no capacity of experts. */
  droppedCalls?: number | undefined;
  /** Whether a gateway of another numerics class or text version generated the beginning. */
  otherClass?: boolean;
}

type FinishPart = Extract<GenerationPart, { type: 'finish' }>;
type TokenPart = Extract<GenerationPart, { type: 'token' }>;

/** The events of one choice, in order: its prompt if it is echoed, pieces of text, and one finish. */
export type AnswerEvent =
  | { type: 'prompt'; index: number; prompt: EchoedPrompt }
  | { type: 'text'; index: number; text: string; tokens: AnswerToken[] }
  | {
      type: 'finish';
      index: number;
      reason: FinishReason;
      /** The stop id that ended the answer, if one did. It has no text. */
      stop?: AnswerToken | undefined;
      /** The request's stop string that ended the answer, if one did. */
      stopString?: string | undefined;
      usage: ChoiceUsage;
    };

export interface AnswerOptions {
  engine: Pick<EngineClient, 'generate'>;
  tokenizer: Tokenizer;
  request: GenerationRequest;
  /** Index among the request's choices. */
  index: number;
  /** Whether this choice counts the tokens of the prompt. */
  countsPrompt: boolean;
  /**
   * Yield the prompt first. The choice that counts the prompt calls `scored` with the prompt's log-probabilities, or with undefined
   * if the choice ends before they are known. Every choice waits for `prompt`, which resolves to undefined if `scored` got undefined.
   */
  echo?: {
    scored: (logprobs: readonly PromptLogprob[] | undefined) => void;
    prompt: Promise<EchoedPrompt | undefined>;
  };
  /** Called once with the log-probabilities of the prompt. */
  onScored?: (logprobs: readonly PromptLogprob[]) => void;
  rules: TextRules;
  signal: AbortSignal;
  /** Ids with which the answer begins, if the engine does not send them again. Default: none. */
  replayed?: Int32Array;
  /** Whether a gateway of another numerics class or text version generated these ids. Default false. */
  otherClass?: boolean;
  /** Called for every token that is generated now. */
  onToken: (index: number, id: number) => void;
  /** Called if the answer ends before all tokens that are generated now have been read, with the number of the others. */
  onUnread?: (index: number, ...unread: Parameters<OnDrop>) => void;
  /** Called with the degraded hops so far, whenever the engine reports some. */
  onDegraded?: (index: number, hops: DegradedHops) => void;
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
  replayed = new Int32Array(),
  otherClass = false,
  onToken,
  onUnread,
  onDegraded,
}: AnswerOptions): AsyncGenerator<AnswerEvent, void, undefined> {
  let text: AnswerText | undefined;
  const stop = rules.stops.length > 0 ? abortedWith(signal) : undefined;
  const logprobs: PromptLogprob[] = [];
  const known = request.known?.length ?? 0;
  const { degradedHops } = request;
  const progress: Progress = {
    ...{ index, countsPrompt, request, otherClass, completionTokens: 0 },
    ...{ degradedHops, remoteHops: undefined, expertCalls: undefined, droppedCalls: undefined },
  };
  try {
    const unread = (tokens: number, failed: boolean) => {
      const read = Math.max(progress.completionTokens, known);
      onUnread?.(index, Math.max(0, progress.completionTokens + tokens - read), failed);
    };
    for await (const part of engine.generate(request, stop?.signal ?? signal, unread)) {
      if (part.type === 'error') throw fromGeneration(part.error);
      if (part.type === 'prompt') {
        for (const logprob of part.logprobs) logprobs.push(logprob);
        continue;
      }
      if (part.degradedHops !== undefined) {
        progress.degradedHops = part.degradedHops;
        onDegraded?.(index, part.degradedHops);
      }
      progress.remoteHops = part.remoteHops ?? progress.remoteHops;
      progress.expertCalls = part.expertCalls ?? progress.expertCalls;
      if (countsPrompt) progress.droppedCalls = part.droppedCalls ?? progress.droppedCalls;
      if (text === undefined) {
        if (countsPrompt) echo?.scored(logprobs);
        onScored?.(logprobs);
        const prompt = await echo?.prompt;
        if (echo && prompt === undefined) return;
        text = new AnswerText(tokenizer, { ...rules, offset: prompt?.length ?? 0 });
        if (prompt !== undefined) yield { type: 'prompt', index, prompt };
        for (const id of replayed) {
          progress.completionTokens++;
          const made = eventsOf(text.push({ id }), text.offset, progress);
          for (const event of made) yield event;
          if (isOver(made)) return;
        }
      }
      let made: AnswerEvent[];
      if (part.type === 'token') {
        if (++progress.completionTokens > known) onToken(index, part.id);
        made = eventsOf(text.push(tokenOf(part)), text.offset, progress);
      } else {
        progress.completionTokens = part.completionTokens;
        made = eventsOf(text.end(), text.offset, progress, part);
      }
      const over = isOver(made);
      if (over) stop?.abort(); // a stop string has ended the answer, or the generation has ended already
      // `yield*` would cost more for every event than this loop does.
      for (const event of made) yield event;
      if (over) return;
    }
  } finally {
    // If the prompt has not been scored, this ends the wait of the other choices. Otherwise it has no effect.
    if (countsPrompt) echo?.scored(undefined);
  }
  if (signal.aborted) throw new ClientGone();
  const message = 'The generation ended without a finish.';
  throw new ApiError({ status: 500, message, type: 'server_error', code: 'internal' });
}

interface Progress extends Pick<AnswerOptions, 'index' | 'countsPrompt' | 'request'> {
  otherClass: boolean;
  completionTokens: number;
  degradedHops: DegradedHops | undefined;
  remoteHops: number | undefined;
  expertCalls: number | undefined;
  droppedCalls: number | undefined;
}

/** The part of a token that its choice reports. */
function tokenOf({ type: _type, began: _began, ...part }: TokenPart) {
  const { degradedHops: _degraded, remoteHops: _remote, ...counted } = part;
  const { expertCalls: _calls, droppedCalls: _dropped, ...token } = counted;
  return token;
}

/** The events of `released`. The last one is a finish if a stop string or `finish` ended the answer. */
function eventsOf(
  { text, tokens, stopped, stopString }: Released,
  offset: number,
  { index, countsPrompt, request, otherClass, completionTokens, ...hops }: Progress,
  finish?: FinishPart,
): AnswerEvent[] {
  const made: AnswerEvent[] = [];
  if (text.length > 0 || tokens.length > 0) made.push({ type: 'text', index, text, tokens });
  if (finish === undefined && !stopped) return made;
  made.push({
    type: 'finish',
    index,
    reason: stopped ? 'stop' : (finish?.reason ?? 'stop'),
    stop:
      stopped || finish?.stopId === undefined
        ? undefined
        : { id: finish.stopId, offset, ...finish.stopLogprob },
    stopString,
    usage: {
      promptTokens: countsPrompt ? (finish?.promptTokens ?? request.prompt.length) : 0,
      completionTokens,
      cachedTokens: countsPrompt ? finish?.cachedTokens : 0,
      ...hops,
      ...(otherClass && { otherClass }),
    },
  });
  return made;
}

function isOver(events: readonly AnswerEvent[]): boolean {
  return events.at(-1)?.type === 'finish';
}
