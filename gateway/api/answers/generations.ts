// Runs the generations of a plan: sends the engine one request for each choice, and merges the events of all choices.
import { randomUUID } from 'node:crypto';
import type { ConstraintSpec, PackedGrammar } from '../../constraints/specification.ts';
import type { GenerationRequest, PromptLogprob, Rung } from '../../engine/messages.ts';
import type { ApiContext } from '../context.ts';
import { samplingSettings } from '../requests/fields/sampling-fields.ts';
import type { CommonRequest } from '../requests/fields/schema-fields.ts';
import {
  expertsPerTokenOf,
  minTokensOf,
  priorityOf,
  stopIdsOf,
  stopStringsOf,
} from '../requests/sampling.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import { cacheSaltOf } from '../tenants/cache-salt.ts';
import { type AnswerEvent, answer } from './answer.ts';
import { echoedPrompt } from './echo.ts';
import { merge } from './merge.ts';
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
  /** Number of answers that are generated for each prompt. */
  made: number;
  /** Number of likely alternatives returned with each token. Undefined: no log-probabilities. */
  logprobs: number | undefined;
  /** Number of likely alternatives returned with each prompt token. Undefined: no log-probabilities. */
  promptLogprobs?: number | undefined;
  /** Called once for each prompt, with its index and its log-probabilities, before the prompt's first answer ends. */
  onScored?: (prompt: number, logprobs: readonly PromptLogprob[]) => void;
  /** Return the prompt before the text of each choice. */
  echo: boolean;
  /** Undefined: the answers are not constrained. */
  constraint?: ConstraintSpec | undefined;
  /** The grammar that was made from the constraint. Undefined: the constraint needs no grammar, or its grammar is not made yet. */
  grammar?: PackedGrammar | undefined;
  /** Ids of special tokens whose names are part of the text. */
  shown?: ReadonlySet<number> | undefined;
}

/**
 * The events of all choices in the order of their arrival. Choice `c` of prompt `p` has the index `p * made + c`. All generations
 * stop if one fails, or if `cancel` is aborted.
 */
export function generations(
  { engine, tokenizer, stopIds, degrade, slices }: ApiContext,
  record: RequestRecord,
  { request, prompts, made, logprobs, promptLogprobs, onScored, echo, constraint, grammar, shown }: Generated,
  seed: number,
  cancel: AbortController,
): Stream<AnswerEvent> {
  const endIds = stopIdsOf(request, stopIds, engine.info);
  const minTokens = minTokensOf(request, Math.min(...prompts.map(({ maxTokens }) => maxTokens)));
  const includeStop = request.include_stop_str_in_output === true;
  const rules = { stops: stopStringsOf(request).map(stopString), includeStop, minTokens, shown };
  const { signal } = cancel;
  const expertsPerToken = expertsPerTokenOf(request, engine.info);
  record.promptTokens = prompts.reduce((total, { prompt }) => total + prompt.length, 0);
  const sources = prompts.flatMap(({ prompt, maxTokens, text }, p) => {
    const ids = Array.from({ length: made }, () => randomUUID());
    const scored = Promise.withResolvers<readonly PromptLogprob[] | undefined>();
    const echoed = scored.promise.then((logprobs) => {
      if (!echo || logprobs === undefined) return undefined;
      return slices.run(record.tenant, echoedPrompt(prompt, text, { tokenizer, logprobs }));
    });
    echoed.catch(() => {}); // The error is not lost: each choice that waits for `echoed` gets it.
    return ids.map((id, choice) => {
      const generation: GenerationRequest = {
        id,
        prompt: Int32Array.from(prompt),
        maxTokens,
        ...(minTokens > 0 && { minTokens }),
        // `choice` counts from 0 for each prompt, because the text must not depend on the other prompts of the request.
        sampling: samplingSettings(request, { seed, choice, info: engine.info }),
        stopIds: endIds,
        logprobs,
        ...(promptLogprobs !== undefined && choice === 0 && { promptLogprobs }),
        ...(choice > 0 && { sharesPromptOf: ids[0] }),
        ...(constraint !== undefined && { constraint }),
        ...(grammar !== undefined && { grammar }),
        ...(typeof request.priority === 'number' && { priority: priorityOf(request, record.key) }),
        ...(expertsPerToken !== undefined && { expertsPerToken }),
        digests: request.expertgrid?.digests === true,
        routes: request.expertgrid?.routes === true,
        ...degradeOf(request, degrade),
        cacheSalt: cacheSaltOf(request.cache_salt, record.prefixTenant),
        ...(record.key !== undefined && { tenant: record.key.name, weight: record.key.weight ?? 1 }),
        traceId: record.id,
      };
      const index = p * made + choice;
      const watch = record.generation(index);
      return answer({
        engine: { generate: (asked, signal) => watch.follow(engine.generate(asked, signal)) },
        tokenizer,
        request: generation,
        index,
        countsPrompt: choice === 0,
        ...(onScored && choice === 0 && { onScored: (told) => onScored(p, told) }),
        ...(echo && { echo: { scored: scored.resolve, prompt: echoed } }),
        rules,
        signal,
        onToken: (index) => record.token(index),
      });
    });
  });
  return merge(
    sources,
    () => cancel.abort(),
    () => slices.pause(record.tenant),
  );
}

/** The last rung of the ladder that the request allows, or else the gateway's default. */
function degradeOf({ expertgrid }: CommonRequest, byDefault: Rung | undefined): { degrade?: Rung } {
  const rung = expertgrid?.degrade ?? byDefault;
  return rung === undefined || rung === 'none' ? {} : { degrade: rung };
}
