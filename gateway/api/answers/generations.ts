// Runs the generations of a plan: sends the engine one request for each choice, and merges the events of all choices.
import { randomUUID } from 'node:crypto';
import type { ConstraintSpec, PackedGrammar } from '../../constraints/specification.ts';
import type { GenerationRequest, PromptLogprob, RequestRouting, Rung } from '../../engine/messages.ts';
import type { ApiContext } from '../context.ts';
import { samplingSettings } from '../requests/fields/sampling-fields.ts';
import type { CommonRequest } from '../requests/fields/schema-fields.ts';
import { minTokensOf, priorityOf, stopIdsOf, stopStringsOf } from '../requests/sampling.ts';
import { type KnownAnswer, knownOf, requireRungs } from '../resume/continuation.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import { cacheSaltOf } from '../tenants/cache-salt.ts';
import { type AnswerEvent, type AnswerOptions, answer } from './answer.ts';
import type { TextRules } from './answer-text.ts';
import { merge } from './choices/merge.ts';
import { inRounds } from './choices/rounds.ts';
import type { Selection } from './choices/selection.ts';
import { echoedPrompt } from './echo.ts';
import { stopString } from './stops.ts';
import type { Stream } from './streams.ts';

/** A prompt and the largest number of tokens that may follow it. */
export interface PromptPlan {
  prompt: readonly number[];
  maxTokens: number;
  /** The prompt as the client wrote it. Undefined if the client sent ids or messages. */
  text?: string | undefined;
}

export interface Generated {
  request: CommonRequest;
  prompts: readonly PromptPlan[];
  /** Largest number of answers that are generated for each prompt. */
  made: number;
  /** Decides how many answers are generated. Undefined: `made` for each prompt, all at once. */
  selection?: Selection | undefined;
  /** Number of likely alternatives returned with each token. Undefined: no log-probabilities. */
  logprobs: number | undefined;
  /** Number of likely alternatives returned with each prompt token. Undefined: no log-probabilities. */
  promptLogprobs?: number | undefined;
  /** Called once for each prompt, with its index and its log-probabilities, before the prompt's first answer ends. */
  onScored?: (prompt: number, logprobs: readonly PromptLogprob[]) => void;
  /** Return the prompt before the text of each choice. */
  echo: boolean;
  /** Whether later events of a stream repeat the log-probabilities of earlier ones. Default false. */
  repeatsLogprobs?: boolean;
  /** Undefined: the answers are not constrained. */
  constraint?: ConstraintSpec | undefined;
  /** The grammar that was made from the constraint. Undefined: the constraint needs no grammar, or its grammar is not made yet. */
  grammar?: PackedGrammar | undefined;
  /** How many experts the tokens use. Undefined: the checkpoint's numbers. */
  routing?: RequestRouting | undefined;
  /** Ids of special tokens whose names are part of the text. */
  shown?: ReadonlySet<number> | undefined;
}

/**
 * The events of all choices in the order of their arrival. Choice `c` of prompt `p` has the index `p * made + c`. All generations
 * stop if one fails, or if `cancel` is aborted.
 */
export function generations(
  context: ApiContext,
  record: RequestRecord,
  generated: Generated,
  seed: number,
  cancel: AbortController,
): Stream<AnswerEvent> {
  const { engine, stopIds, degrade, slices } = context;
  const { request, prompts, made, selection, shown } = generated;
  const minTokens = minTokensOf(request, Math.min(...prompts.map(({ maxTokens }) => maxTokens)));
  const includeStop = request.include_stop_str_in_output === true;
  const common = {
    ...commonFields(generated, record),
    stopIds: stopIdsOf(request, stopIds, engine.info),
    ...(minTokens > 0 && { minTokens }),
    ...degradeOf(request, degrade),
  };
  const setting: Setting = {
    ...{ context, record, generated, seed, common },
    rules: { stops: stopStringsOf(request).map(stopString), includeStop, minTokens, shown },
    reports: reportsTo(record),
  };
  record.promptTokens = prompts.reduce((total, { prompt }) => total + prompt.length, 0);
  const { signal } = cancel;
  const sources = prompts.flatMap((prompt, p) => {
    const choices = choicesOfPrompt(prompt, p, setting);
    if (selection === undefined) return choices(0, made, signal);
    return [inRounds({ next: () => selection.nextRound(p), choices, signal })];
  });
  return merge(
    sources,
    () => cancel.abort(),
    () => slices.pause(record.tenant),
  );
}

/** What the choices of all prompts have in common. */
interface Setting {
  context: ApiContext;
  record: RequestRecord;
  generated: Generated;
  seed: number;
  common: Omit<GenerationRequest, 'id' | 'prompt' | 'maxTokens' | 'sampling'>;
  rules: TextRules;
  reports: ReturnType<typeof reportsTo>;
}

/**
 * Returns a function that generates the choices `from` to `to - 1` of the prompt with the index `p`. Choices that are generated
 * together share the computation of the prompt. Those that are generated later find it in the prefix cache.
 */
function choicesOfPrompt(
  { prompt, maxTokens, text }: PromptPlan,
  p: number,
  { context, record, generated, seed, common, rules, reports }: Setting,
): (from: number, to: number, signal: AbortSignal) => AsyncGenerator<AnswerEvent, void, undefined>[] {
  const { engine, tokenizer, slices } = context;
  const { request, made, promptLogprobs, onScored, echo, repeatsLogprobs = false } = generated;
  const ids = Array.from({ length: made }, () => randomUUID());
  const known = ids.map((_, choice) => knownAnswer(record, p * made + choice, common));
  // A prompt that every choice has echoed needs no log-probabilities any more.
  const scores = known.every((each) => each !== undefined && each.events > 0) ? undefined : promptLogprobs;
  const scored = Promise.withResolvers<readonly PromptLogprob[] | undefined>();
  const echoed = scored.promise.then((logprobs) => {
    if (!echo || logprobs === undefined) return undefined;
    return slices.run(record.tenant, echoedPrompt(prompt, text, { tokenizer, logprobs }));
  });
  echoed.catch(() => {}); // The error is not lost: each choice that waits for `echoed` gets it.
  const choiceOf = (id: string, choice: number, { signal, sharesPromptOf }: ChoiceOptions) => {
    const generation: GenerationRequest = {
      ...common,
      id,
      prompt: Int32Array.from(prompt),
      maxTokens,
      // `choice` counts from 0 for each prompt, because the text must not depend on the other prompts of the request.
      sampling: samplingSettings(request, { seed, choice, info: engine.info, defaults: context.sampling }),
      ...knownFields(known[choice], { ...common, repeatsLogprobs, echoed: echo ? prompt.length : 0 }),
      ...(scores !== undefined && choice === 0 && { promptLogprobs: scores }),
      ...(sharesPromptOf !== undefined && { sharesPromptOf }),
    };
    const index = p * made + choice;
    const watch = record.generation(index, generation);
    return answer({
      engine: {
        generate: (asked, signal, onDrop) => watch.follow(engine.generate(asked, signal, onDrop)),
      },
      tokenizer,
      request: generation,
      index,
      countsPrompt: choice === 0,
      ...(onScored && choice === 0 && { onScored: (told) => onScored(p, told) }),
      ...(echo && { echo: { scored: scored.resolve, prompt: echoed } }),
      rules,
      signal,
      ...(generation.known && { replayed: generation.known.subarray(0, generation.unreported) }),
      ...reports,
    });
  };
  return (from, to, signal) => {
    const [first, ...others] = ids.slice(from, to);
    if (first === undefined) return [];
    return [
      choiceOf(first, from, { signal }),
      ...others.map((id, i) => choiceOf(id, from + 1 + i, { signal, sharesPromptOf: first })),
    ];
  };
}

interface ChoiceOptions {
  signal: AbortSignal;
  /** Id of the choice that computes the prompt. Absent: the choice itself does. */
  sharesPromptOf?: string;
}

/** The options by which an answer reports its tokens to the request's record and to the stream's recorder. */
function reportsTo(
  record: RequestRecord,
): Pick<AnswerOptions, 'onToken' | 'onUnread' | 'onDegraded' | 'otherClass'> {
  const { recorder, continuation } = record;
  return {
    otherClass: continuation?.otherClass === true,
    onToken: (index, id) => {
      recorder?.token(index, id);
      record.token(index);
    },
    onUnread: (index, tokens, failed) => record.unread(index, tokens, { failed }),
    onDegraded: (index, hops) => recorder?.hops(index, hops),
  };
}

/** The fields that all choices of all prompts have in common. */
function commonFields({ request, logprobs, constraint, grammar, routing }: Generated, record: RequestRecord) {
  const capacity = request.expertgrid?.expert_capacity;
  return {
    logprobs,
    digests: request.expertgrid?.digests === true,
    routes: request.expertgrid?.routes === true,
    ...(constraint !== undefined && { constraint }),
    ...(grammar !== undefined && { grammar }),
    ...(typeof request.priority === 'number' && { priority: priorityOf(request, record.key) }),
    ...(routing !== undefined && { routing }),
    ...(typeof capacity === 'number' && { expertCapacity: capacity }),
    cacheSalt: cacheSaltOf(request.cache_salt, record.prefixTenant),
    ...(record.key !== undefined && { tenant: record.key.name, weight: record.key.weight ?? 1 }),
    traceId: record.id,
  };
}

/** The part of a choice that the request's record has. Throws a 409 if the request does not allow how it was generated. */
function knownAnswer(
  { continuation }: RequestRecord,
  index: number,
  { degrade }: { degrade?: Rung },
): KnownAnswer | undefined {
  const known = continuation && knownOf(continuation, index);
  if (known !== undefined) requireRungs(known, degrade);
  return known;
}

type Reports = Pick<GenerationRequest, 'logprobs' | 'digests' | 'routes'>;

/** `echoed` is the number of prompt tokens in the first event. They have entries if the request asks for log-probabilities. */
function knownFields(
  known: KnownAnswer | undefined,
  {
    logprobs,
    digests,
    routes,
    repeatsLogprobs,
    echoed,
  }: Reports & { repeatsLogprobs: boolean; echoed: number },
): Pick<GenerationRequest, 'known' | 'unreported' | 'degradedHops'> {
  if (known === undefined || known.ids.length === 0) return {};
  const { ids, hops } = known;
  const entries = known.entries - (logprobs === undefined ? 0 : echoed);
  const isReported = logprobs !== undefined || digests === true || routes === true;
  const mostSent = isReported ? Math.max(0, entries) : ids.length;
  const sent = isReported && repeatsLogprobs ? 0 : Math.min(mostSent, ids.length);
  return { known: ids, unreported: sent, ...(Object.keys(hops).length > 0 && { degradedHops: hops }) };
}

/** The last rung of the ladder that the request allows, or else the gateway's default. */
function degradeOf({ expertgrid }: CommonRequest, byDefault: Rung | undefined): { degrade?: Rung } {
  const rung = expertgrid?.degrade ?? byDefault;
  return rung === undefined || rung === 'none' ? {} : { degrade: rung };
}
