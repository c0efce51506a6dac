// What crosses between the API thread and the engine thread: token ids and settings down, parts of a stream up.
// Plain structured-cloneable data; knows no text and no HTTP.
import type { Rung } from '../../router/delivery/ladder.ts';
import type { HeatReport } from '../../router/heat.ts';
import type { MissingUnits } from '../../router/replica-table.ts';
import type { ShardStatus } from '../../router/shard-status.ts';
import type { ConstraintSpec, PackedGrammar } from '../constraints/specification.ts';

export { type Rung, rungs } from '../../router/delivery/ladder.ts';
export type { HeatReport } from '../../router/heat.ts';
export type { MissingUnits } from '../../router/replica-table.ts';

export interface SamplingSettings {
  /** 0 is greedy. */
  temperature: number;
  /** Keep the smallest set of tokens whose probability reaches this; 1 keeps all. */
  topP: number;
  /** Keep this many of the likeliest tokens; 0 keeps all. */
  topK: number;
  /** Drop tokens less likely than this share of the likeliest one's probability; 0 keeps all. */
  minP: number;
  /** Subtracted once from the logit of a token that the answer already holds. */
  presencePenalty: number;
  /** Subtracted for each time the answer already holds the token. */
  frequencyPenalty: number;
  /** Divides positive (multiplies negative) logits of tokens seen in prompt or answer; 1 is off (CTRL, arXiv 1909.05858). */
  repetitionPenalty: number;
  /** Added to the logits of these ids. */
  logitBias: readonly (readonly [id: number, bias: number])[];
  /** 64-bit seed in decimal or any safe integer; the caller's or one drawn for the request. */
  seed: number;
  /** Which of a request's choices this is; parts the random numbers of choices with one seed. */
  choice: number;
}

/** Settings that change nothing about the model's own distribution, from which they draw. */
export const neutralSampling: SamplingSettings = {
  temperature: 1,
  topP: 1,
  topK: 0,
  minP: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repetitionPenalty: 1,
  logitBias: [],
  seed: 0,
  choice: 0,
};

export interface GenerationRequest {
  /** Made by the API thread; unique among open generations. */
  id: string;
  prompt: Int32Array;
  /** 0: the prompt is computed and nothing follows. */
  maxTokens: number;
  /** Tokens before which no stop id may come; a constraint that allows nothing else goes before it. */
  minTokens?: number;
  sampling: SamplingSettings;
  /** Ids that end the answer (they are not part of it and not counted in its text). */
  stopIds: readonly number[];
  /** How many alternatives to report with each token; undefined: no log-probabilities at all. 0: the chosen one's only. */
  logprobs?: number;
  /** The same of the prompt's tokens, told before the first token; no cached prefix is read then. Absent: not told. */
  promptLogprobs?: number;
  /** Id of an open generation with the same prompt: this one waits until that prompt is computed, and shares it. */
  sharesPromptOf?: string;
  /** Lower ones leave the queue first, among those of one tenant; absent: 0. */
  priority?: number;
  /** Whose it is: tenants share the engine's time, whatever number of requests each has. Absent: nobody's in particular. */
  tenant?: string;
  /** The tenant's part of that time beside others' (one of weight 2 gets twice what one of 1 does); absent: 1. */
  weight?: number;
  /** `[layers]`, experts a token; absent: the checkpoint's own. */
  expertsPerToken?: readonly number[];
  constraint?: ConstraintSpec;
  /** Of the constraint, if it was read already: it goes in the place of what it was read from. */
  grammar?: PackedGrammar;
  /** Report a hash of each step's logits row: equal hashes mean equal bits. */
  digests?: boolean;
  /** Report each token's route. */
  routes?: boolean;
  traceId?: string;
  /** Cached prefixes are shared only among requests with equal salts. */
  cacheSalt?: string;
  /** What may stand in for an expert that nobody serves, and all that is better; absent: nothing may. */
  degrade?: Rung;
}

export interface TokenLogprob {
  id: number;
  logprob: number;
}

/**
 * `[layers][k]` expert numbers, best first: those that the row went through from whose logits the token was sampled, the
 * row of the position before it. What stood in for an expert (`next_best`) is told in its place.
 */
export type Route = number[][];

/** Bytes of a log-probability, of a layer's list of experts and of an expert in it, as V8 holds them. */
const [LOGPROB, LAYER, EXPERT] = [64, 40, 8];

/** Bytes that are held of what is told beside a token. */
export function heldBytes({ top, route }: { top?: readonly TokenLogprob[]; route?: Route }): number {
  return (
    logprobBytes(top?.length) + (route === undefined ? 0 : routeBytes(route.map(({ length }) => length)))
  );
}

/** Of the token's own log-probability and its alternatives'; undefined: none is told. */
export function logprobBytes(alternatives: number | undefined): number {
  return alternatives === undefined ? 0 : (1 + alternatives) * LOGPROB;
}

/** `[layers]`: how many experts the token goes through. */
export function routeBytes(experts: readonly number[]): number {
  return experts.reduce((total, count) => total + LAYER + EXPERT * count, 0);
}

/** How long a generation took to begin. */
export interface Began {
  /** From generate() until it was let in. */
  queuedMs: number;
  /** From there to the first token, or to the end if there was none; what it waited again is in it. */
  prefillMs: number;
}

/** How often something stood in for an expert of a row, by rung. */
export type DegradedHops = Partial<Record<Rung, number>>;

export type FinishReason = 'stop' | 'length';

/** Why a generation failed; the API maps `code` to a status in one place. */
export interface GenerationError {
  code:
    | 'invalid_request'
    | 'context_length_exceeded'
    | 'queue_full'
    | 'answer_memory'
    | 'shard_unavailable'
    | 'deadline_exceeded'
    | 'shutting_down'
    | 'internal';
  message: string;
  retryable: boolean;
  retryAfterMs?: number;
}

/** Of one token of a prompt, or of a stop id, given the tokens before it. */
export interface PromptLogprob {
  logprob: number;
  /** Of a prompt's token: 1 is the likeliest. */
  rank?: number;
  top: TokenLogprob[];
}

/** A stream of parts: the prompt's where asked for, any number of tokens, then exactly one finish or error. */
export type GenerationPart =
  /** Of the prompt's next tokens, in order; its first token has none. */
  | { type: 'prompt'; logprobs: PromptLogprob[] }
  | {
      type: 'token';
      id: number;
      /** Of the model's own distribution (before penalties, bias and temperature). */
      logprob?: number;
      top?: TokenLogprob[];
      digest?: string;
      route?: Route;
      /** So far; absent: none. */
      degradedHops?: DegradedHops;
      /** With the first token only. */
      began?: Began;
    }
  | {
      type: 'finish';
      reason: FinishReason;
      /** The stop id that ended it, if one did. It is counted as a generated token but not sent as a token part. */
      stopId?: number;
      /** The stop id's log-probability and its alternatives, if the request asks for log-probabilities. */
      stopLogprob?: PromptLogprob;
      promptTokens: number;
      /** Tokens generated, the stop id included. */
      completionTokens: number;
      cachedTokens: number;
      degradedHops?: DegradedHops;
      /** Where no token part came before. */
      began?: Began;
    }
  | { type: 'error'; error: GenerationError };

export interface EngineStatus {
  ready: boolean;
  missing: MissingUnits[];
  /** Units that one shard serves and no other. */
  single: MissingUnits[];
  /** How many units none serves, and how many one alone. */
  units: { missing: number; single: number };
  running: number;
  waiting: number;
  kvBytesReserved: number;
  kvBytesLimit: number;
  shards: ShardStatus[];
  /** Names the numerics of the whole (`system_fingerprint`). */
  fingerprint: string;
  /** Monotonic counters since start; /metrics calls each `expertgrid_engine_<name>_total`. */
  counters: Record<string, number>;
}

export interface EngineInfo {
  identity: string;
  vocab: number;
  layers: number;
  /** In each layer. */
  experts: number;
  /** `[layers]`, the checkpoint's own. */
  expertsPerToken: readonly number[];
  /** Most positions a sequence may have: prompt and answer together. */
  context: number;
  /** What one prompt has computed is known to others that begin alike. */
  sharesPrefixes: boolean;
}

/** The engine as the API sees it: in another thread in production, in the same one in tests. */
export interface EngineClient {
  readonly info: EngineInfo;
  /**
   * Starts a generation and yields its parts; the last is a finish or an error. Aborting the signal, or leaving the
   * loop, stops the work within one step (an aborted stream ends without a further part).
   */
  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterable<GenerationPart>;
  /**
   * Counts `ms` of the machine's time, which other threads have spent for the tenant, against its share of the engine's time.
   * The empty name stands for requests without a tenant.
   */
  charge(tenant: string, ms: number): void;
  status(): Promise<EngineStatus>;
  /** Rows by (layer, expert), decayed; with which expert follows which only where asked for. */
  heat(options?: { successors?: boolean }): Promise<HeatReport>;
  /** Takes no new generations, lets running ones end for at most `graceMs`, then fails them with `shutting_down`. */
  close(graceMs: number): Promise<void>;
}
