// The messages between the API thread and the engine thread: token ids and settings in one direction, parts of a stream in the
// other. All of them are plain data that can be cloned.
import type { Rung } from '../../router/delivery/ladder.ts';
import type { HeatReport } from '../../router/heat.ts';
import type { MissingUnits } from '../../router/replica-table.ts';
import type { PerToken, RequestRouting } from '../../router/routing/request-routing.ts';
import type { ShardStatus } from '../../router/shard-status.ts';
import type { ConstraintSpec, PackedGrammar } from '../constraints/specification.ts';
import type { EngineLoad, LoadBoard } from './load.ts';

export { type Rung, rungs } from '../../router/delivery/ladder.ts';
export type { HeatReport } from '../../router/heat.ts';
export type { MissingUnits } from '../../router/replica-table.ts';
export {
  budgetRange,
  expertPolicies,
  type PerToken,
  type RequestRouting,
  type RoutingShape,
  splitBudget,
  usualNumbers,
} from '../../router/routing/request-routing.ts';
export type { ShardStatus } from '../../router/shard-status.ts';
export type { EngineLoad } from './load.ts';

export interface SamplingSettings {
  /** 0 is greedy. */
  temperature: number;
  /** Keep the likeliest tokens until their probabilities add up to this value, and drop the rest; 1 keeps all. */
  topP: number;
  /** Keep this many of the likeliest tokens; 0 keeps all. */
  topK: number;
  /** Drop tokens whose probability is below this share of the likeliest token's probability; 0 keeps all. */
  minP: number;
  /** Subtracted once from the logit of each token in the answer so far. */
  presencePenalty: number;
  /** Subtracted from a token's logit once for each occurrence in the answer so far. */
  frequencyPenalty: number;
  /** Divides the logits of tokens in prompt or answer; multiplies them if negative. 1 is off (CTRL, arXiv 1909.05858). */
  repetitionPenalty: number;
  /** Added to the logits of these ids. */
  logitBias: readonly (readonly [id: number, bias: number])[];
  /** Any safe integer: the client's, or one drawn for the request. */
  seed: number;
  /** Number of the choice within its request. Choices with the same seed get different random numbers. */
  choice: number;
}

/** Settings that sample from the model's own distribution. */
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
  /** Made by the API thread, and unique among open generations. */
  id: string;
  prompt: Int32Array;
  /** 0: only the prompt is computed. */
  maxTokens: number;
  /**
   * Ids with which the answer begins, because they were generated before, such as those of a stream that continues. They are computed
   * like a prompt and counted like generated tokens.
   */
  known?: Int32Array;
  /** Number of known ids, from the start of the answer, without token parts. The other known ids get token parts. Default: all. */
  unreported?: number;
  /** For each rung of the degradation ladder, the number of experts' answers that it replaced while the known ids were generated. */
  degradedHops?: DegradedHops;
  /** The answer gets at least this many tokens before a stop id, unless the constraint allows only stop ids. */
  minTokens?: number;
  sampling: SamplingSettings;
  /** Ids that end the answer. They are not part of its text. */
  stopIds: readonly number[];
  /** Report the log-probability of each token and of this many alternatives. Undefined: no log-probabilities. */
  logprobs?: number;
  /** The same for the prompt's tokens, which are reported before the answer. The prefix cache is then not used. */
  promptLogprobs?: number;
  /** Id of an open generation with the same prompt. This request waits until that prompt is computed, and shares its blocks. */
  sharesPromptOf?: string;
  /** Lower numbers go first among a tenant's requests, numbers below 0 first among the requests of all tenants. Default: 0. */
  priority?: number;
  /** Who is billed. Tenants share the engine's time by weight, however many requests each has. Absent: no tenant. */
  tenant?: string;
  /** The tenant's weight. A tenant of weight 2 gets twice as much time as one of weight 1. Default: 1. */
  weight?: number;
  /** How many experts the request's rows use. Default: the checkpoint's numbers. */
  routing?: RequestRouting;
  /**
   * Capacity factor: each expert takes only so many rows of the prompt (router/routing/expert-capacity.ts). The request then neither uses
   * nor fills the prefix cache. Default: experts take all rows.
   */
  expertCapacity?: number;
  constraint?: ConstraintSpec;
  /** The constraint's grammar, if another thread has parsed it. The engine then does not read the constraint's text. */
  grammar?: PackedGrammar;
  /** Report a hash of each row of logits. Equal hashes mean equal bits. */
  digests?: boolean;
  /** Report each token's route. */
  routes?: boolean;
  traceId?: string;
  /** Cached prefixes are shared only among requests with equal salts. */
  cacheSalt?: string;
  /** The last rung of the ladder that the request allows; all rungs before it are allowed too. Absent: none. */
  degrade?: Rung;
}

export interface TokenLogprob {
  id: number;
  logprob: number;
}

/**
 * A token's route: the experts that computed the row from whose logits the token was sampled. `[layers][k]` expert numbers,
 * best first, or one of each prototype in their order. An expert that stood in (rung `next_best`) takes the place of the expert that it replaced.
 */
export type Route = number[][];

/** Bytes in V8 of a log-probability, of a layer's list of experts, and of one expert in that list. */
const [LOGPROB_BYTES, LAYER_BYTES, EXPERT_BYTES] = [64, 40, 8];

/** Bytes in memory of a token's log-probabilities and route. */
export function heldBytes({ top, route = [] }: { top?: readonly TokenLogprob[]; route?: Route }): number {
  return logprobBytes(top?.length) + routeBytes(route.map(({ length }) => length));
}

/** Bytes of the log-probabilities of a token and its alternatives. 0 if `alternatives` is undefined: none are reported then. */
export function logprobBytes(alternatives: number | undefined): number {
  return alternatives === undefined ? 0 : (1 + alternatives) * LOGPROB_BYTES;
}

/** Bytes of a route. `experts [layers]` is the number of experts in each layer. */
export function routeBytes(experts: readonly number[]): number {
  return experts.reduce((total, count) => total + LAYER_BYTES + EXPERT_BYTES * count, 0);
}

/** How long a generation took to start. */
export interface Began {
  /** From the call of generate() until the generation was first admitted. */
  queuedMs: number;
  /** From that admission until the first token, or until the end if there was none. Includes waiting after a preemption. */
  prefillMs: number;
}

/** For each rung of the degradation ladder, the number of experts' answers that it replaced. */
export type DegradedHops = Partial<Record<Rung, number>>;

/** Counts of a sequence so far. A count that is absent is zero. */
export interface UnusualHops {
  degradedHops?: DegradedHops;
  /** Number of experts' answers that came from shards of other zones. */
  remoteHops?: number;
  /** Number of calls of experts for the rows of prompt and answer. Only if the request has a `routing`. */
  expertCalls?: number;
  /** Number of calls of experts that a row of the prompt did without. Only if the request has an `expertCapacity`. */
  droppedCalls?: number;
}

export type FinishReason = 'stop' | 'length';

/** The error that ends a generation. The API maps `code` to an HTTP status. */
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

/** Log-probability of a prompt token or of a stop id, given the tokens before it. */
export interface PromptLogprob {
  logprob: number;
  /** The rank of a prompt token among all tokens; 1 is the likeliest. Absent for a stop id. */
  rank?: number;
  top: TokenLogprob[];
}

/** A stream has prompt parts if requested, then any number of tokens, then exactly one finish or error. */
export type GenerationPart =
  /** Log-probabilities of the prompt's next tokens, in order. The first token of a prompt has none. */
  | { type: 'prompt'; logprobs: PromptLogprob[] }
  | ({
      type: 'token';
      id: number;
      /** In the model's own distribution, before penalties, bias and temperature. */
      logprob?: number;
      top?: TokenLogprob[];
      digest?: string;
      route?: Route;
      /** Only with the first token. */
      began?: Began;
    } & UnusualHops)
  | ({
      type: 'finish';
      reason: FinishReason;
      /** The stop id that ended the answer, if one did. It counts as generated but is not sent as a token part. */
      stopId?: number;
      /** The stop id's log-probability and its alternatives, if the request asks for log-probabilities. */
      stopLogprob?: PromptLogprob;
      promptTokens: number;
      /** Tokens generated, the stop id included. */
      completionTokens: number;
      cachedTokens: number;
      /** Only if there was no token part. */
      began?: Began;
    } & UnusualHops)
  | { type: 'error'; error: GenerationError };

export interface EngineStatus {
  ready: boolean;
  missing: MissingUnits[];
  /** Units that only one shard serves. */
  single: MissingUnits[];
  /** Units that only shards of other zones serve. */
  borrowed: MissingUnits[];
  /** Number of units that no shard serves, that only one shard serves, and that only shards of other zones serve. */
  units: { missing: number; single: number; borrowed: number };
  running: number;
  waiting: number;
  kvBytesReserved: number;
  kvBytesLimit: number;
  shards: ShardStatus[];
  /** The API's `system_fingerprint`: a hash of the parts of the system that decide the bits of an answer. */
  fingerprint: string;
  /** The numerics classes of the dense device and of the connected shards. Gateways with equal ones give equal bits. */
  numerics: string;
  /** Counters since the start. /metrics names each `expertgrid_engine_<name>_total`. */
  counters: Record<string, number>;
}

export interface EngineInfo {
  identity: string;
  /** Content hash of the bundle. */
  content: string;
  vocab: number;
  /** Layers with experts. Routes, heat and `RequestRouting` count only these. */
  layers: number;
  /** Experts in each layer. */
  experts: number;
  /** `[layers]`, the checkpoint's own. */
  expertsPerToken: readonly number[];
  /** How many experts of a token a request may ask for in each layer. */
  perToken: PerToken;
  /** Most positions of a sequence: prompt and answer together. */
  context: number;
  /** Whether requests whose prompts begin with the same tokens share the computed prefix. */
  sharesPrefixes: boolean;
}

/** Computed blocks of the KV memory. An engine of the same bundle and numerics class can go on with them. */
export interface KvPrefix {
  /** Ids of all positions up to the end of the last block. */
  ids: Int32Array;
  /** Number of the first block in `bytes`, and the number after the last one. */
  first: number;
  end: number;
  /** The blocks, one after another. */
  bytes: Uint8Array<ArrayBuffer>;
  cacheSalt: string;
  routing: RequestRouting;
}

/** Gets the number of tokens that a stream drops. `failed`: they fill too much memory, and the stream ends with an error. */
export type OnDrop = (tokens: number, failed: boolean) => void;

/** The engine as the API sees it. In production it runs in another thread, in tests in the same one. */
export interface EngineClient {
  readonly info: EngineInfo;
  /**
   * Starts a generation and yields its parts. The last part is a finish or an error. Aborting the signal or ending the iteration
   * stops the work within one step, and the stream ends without another part. `onDrop` is told how many tokens it drops.
   */
  generate(request: GenerationRequest, signal: AbortSignal, onDrop?: OnDrop): AsyncIterable<GenerationPart>;
  /**
   * Charges the tenant for `ms` that other threads have spent on its requests. The time counts against the tenant's share of
   * the engine's time. The empty name stands for requests without a tenant.
   */
  charge(tenant: string, ms: number): void;
  /** How busy the engine is. Cheap, and does not interrupt steps. */
  load(): EngineLoad;
  status(): Promise<EngineStatus>;
  /** Decayed counts of rows by (layer, expert). `successors` adds counts by pairs of experts used in adjacent layers. */
  heat(options?: { successors?: boolean }): Promise<HeatReport>;
  /**
   * The next full blocks of an open generation, from number `first` on, up to a few megabytes. Undefined if there are none, or if they
   * must not be shared.
   */
  readPrefix(id: string, first: number): Promise<KvPrefix | undefined>;
  /** Adds blocks of another engine to the prefix cache. Returns whether the cache has them now. */
  writePrefix(prefix: KvPrefix): Promise<boolean>;
  /** Accepts no new generations from now on. Open ones that do not end within `graceMs` fail with `shutting_down`. */
  close(graceMs: number): Promise<void>;
}

/** An engine in this thread. It can also push the parts of a generation as they arise. */
export interface PushingEngine extends EngineClient {
  readonly board: LoadBoard;
  /**
   * Starts a generation. `onPart` gets its parts, possibly before this function returns, and must not throw. The tokens of all
   * sequences of a micro-batch come one after another, before any other code runs. Returns a function that stops the generation
   * within one step. `onPart` is not called after that.
   */
  start(request: GenerationRequest, onPart: (part: GenerationPart) => void): () => void;
}
