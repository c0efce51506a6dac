// Collects the facts about one request while it runs, and makes its log line, metrics, usage line and trace from them. It keeps no
// text of the prompt or the answer.
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { UsageReport } from '../../../resume/usage-report.ts';
import type { DegradedHops, GenerationRequest, Rung } from '../../engine/messages.ts';
import type { AnswerEvent } from '../answers/answer.ts';
import type { Holding } from '../budget/ledger.ts';
import type { Tenant } from '../budget/slices.ts';
import type { ApiError } from '../errors.ts';
import { abortedWith } from '../linked-abort.ts';
import type { Caller } from '../resume/caller.ts';
import type { Continuation } from '../resume/continuation.ts';
import { Moved } from '../resume/recorded-format.ts';
import type { Recorder } from '../resume/recorder.ts';
import type { Shutdown } from '../shutdown.ts';
import type { StoredKey } from '../tenants/keys.ts';
import type { Exceeded, Turn } from '../tenants/rate-limits.ts';
import { type UsageLine, type UsageLog, usageLineOf, usageLogUnavailable } from '../tenants/usage-log.ts';
import type { Metrics } from './metrics.ts';
import { GenerationWatch, OverheadClock } from './overhead.ts';
import type { RequestTrace } from './telemetry.ts';

/** The variables that Hono keeps for each request. */
export type RecordEnv = { Variables: { record: RequestRecord } };

/** A client's request id is accepted if it is safe in headers and logs. */
const SAFE_ID = /^[\x21-\x7e]{1,128}$/;

interface RequestRecordOptions {
  method: string;
  path: string;
  /** The client's request id. */
  givenId: string | undefined;
  /** Aborted when the client closes the connection. */
  signal: AbortSignal;
  shutdown: Shutdown;
  logger: Logger;
  metrics: Metrics;
  /** Called at the end of each admitted request, with the tokens that it used. */
  onUsage?: (line: UsageLine) => void;
  /** Called at the end of each request. */
  onEnd?: (record: RequestRecord) => void;
  /** No request is admitted while lines of this log wait to be written. Absent: usage need not be logged. */
  usageLog?: Pick<UsageLog, 'waiting'>;
  /** Absent: requests are not traced. */
  trace?: RequestTrace;
}

type EndedChoice = Extract<AnswerEvent, { type: 'finish' }>;

export class RequestRecord {
  /** Id of the request: the client's own, or a random one. */
  id: string;
  /** The server's shutdown, which ends the request if it is still open. */
  readonly shutdown: Shutdown;
  /** Path of the route. `unmatched` until the route is known. */
  endpoint = 'unmatched';
  /** Whether probes, peers or open pages poll the route. */
  polled = false;
  /** Name of the model in the request. Undefined until the request has been read. */
  requestedModel: string | undefined;
  /** Id of the model that answers. Undefined until the model has been chosen. */
  model: string | undefined;
  /** Whether the answer continues after the handler has returned. If so, the end of the answer settles the record. */
  streaming = false;
  /** Undefined if the route or the server needs no API key. */
  key: StoredKey | undefined;
  /** Hash of the key whose cached prefixes the request may use. Undefined: it may use all cached prefixes. */
  prefixTenant: string | undefined;
  /** The caller whose signature the request has. Undefined: the request is not signed. */
  caller: Caller | undefined;
  /** The stream that this request continues. */
  continuation: Continuation | undefined;
  /** Writes the record of the answer's stream. Undefined: the caller asks for no record. */
  recorder: Recorder | undefined;
  /** Ids of the generations in the engine. */
  readonly generationIds: string[] = [];
  /** Sends keys and values of the generations to the gateway that will continue the stream, and resolves to its address. */
  handOver: (() => Promise<string | undefined>) | undefined;
  /** Whether another gateway computes the answer and logs the usage. */
  passedOn = false;
  /** The parts of schemas that are not enforced, as paths in the request; see structured.ts. */
  schemaNotes: readonly string[] = [];
  /** Memory that is reserved until the request ends. Does not include the memory of its answer. */
  holding: Holding | undefined;
  promptTokens = 0;
  /** Prompt tokens that were found in the cache. Undefined until the engine has reported them. */
  cachedTokens: number | undefined;
  completionTokens = 0;
  /** Tokens of the answer that were generated before this request, which continues their stream. */
  knownTokens = 0;
  /** The error that ended the request, if one did. */
  error: ApiError | undefined;
  readonly #options: RequestRecordOptions;
  /** Measures how long gateway/api itself works on the request. */
  readonly clock = new OverheadClock();
  readonly #startedAt = performance.now();
  /** Unix seconds. */
  readonly #arrivedAt = Math.floor(Date.now() / 1000);
  readonly #left: AbortController;
  readonly #generations: GenerationWatch[] = [];
  readonly #degradedHops: DegradedHops = {};
  /** When the last token of each choice arrived. */
  readonly #lastTokenMs = new Map<number, number>();
  /** Number of tokens that the engine has sent, by choice. */
  readonly #tokensOf = new Map<number, number>();
  readonly #reasons = new Set<string>();
  #firstTokenMs: number | undefined;
  /** Counts the request's tokens against the limits of its key. `refusal` makes the error if a limit refuses them. */
  #turn: { turn: Turn; refusal: (by: Exceeded) => ApiError } | undefined;
  #admitted = false;

  constructor(options: RequestRecordOptions) {
    const { givenId, signal, shutdown } = options;
    this.id =
      givenId !== undefined && SAFE_ID.test(givenId) ? givenId : `req_${randomUUID().replaceAll('-', '')}`;
    this.#left = abortedWith(signal);
    this.shutdown = shutdown;
    this.#options = options;
  }

  /** Aborted when the client closes the connection, or when `abandon` is called. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** The tenant that is charged for the request's time and memory. */
  get tenant(): Tenant {
    return { name: this.key?.name, weight: this.key?.weight ?? 1 };
  }

  /** Unix seconds of the answer: when the request arrived, unless its caller has fixed another time. */
  get created(): number {
    return this.continuation?.head.created ?? this.caller?.claims.answer?.created ?? this.#arrivedAt;
  }

  /** Value of the header `traceparent` for calls on behalf of this request. Undefined: requests are not traced. */
  get traceparent(): string | undefined {
    return this.#options.trace?.traceparent;
  }

  /** The tokens of the whole answer so far, with those of earlier parts of a stream. */
  get usage(): UsageReport {
    return {
      prompt_tokens: this.promptTokens,
      cached_tokens: this.cachedTokens ?? null,
      generated_tokens: this.knownTokens + this.completionTokens,
      degraded_hops: Object.values(this.#degradedHops).reduce((sum, hops) => sum + hops, 0),
    };
  }

  /** Notes that the request was signed by `caller` in the name of the tenant `key`. */
  calledBy(caller: Caller, key: StoredKey, { sharedPrefix }: { sharedPrefix: boolean }): void {
    this.caller = caller;
    this.id = caller.claims.request;
    this.key = key;
    if (!sharedPrefix) this.prefixTenant = key.sha256;
  }

  /** Creates the watch of the choice `index`. Must be called before the choice is generated. Known ids are not counted again. */
  generation(index: number, { id, known: ids }: Pick<GenerationRequest, 'id' | 'known'>): GenerationWatch {
    const known = ids?.length ?? 0;
    this.generationIds.push(id);
    this.knownTokens += known;
    this.#tokensOf.set(index, known);
    const watch = new GenerationWatch(index, { clock: this.clock, elapsedMs: () => this.elapsedMs });
    this.#generations.push(watch);
    return watch;
  }

  /** Sets the turn, which counts the request's tokens. `refusal` makes the error if a limit refuses them. */
  begin(turn: Turn, refusal: (by: Exceeded) => ApiError): void {
    this.#turn = { turn, refusal };
  }

  /**
   * Admits the request, whose prompts have `tokens` tokens in all. Must be called before any work on the prompts. Throws a 429 if a
   * limit of the key refuses the tokens, and a 503 while usage cannot be logged.
   */
  admit(tokens: number): void {
    if ((this.#options.usageLog?.waiting ?? 0) > 0) throw usageLogUnavailable();
    if (this.#turn !== undefined) {
      const exceeded = this.#turn.turn.prompt(tokens);
      if (exceeded !== undefined) throw this.#turn.refusal(exceeded);
    }
    this.#admitted = true;
  }

  /** Counts a token that the engine has sent for the choice `index`. */
  token(index: number): void {
    const { metrics } = this.#options;
    const now = this.elapsedMs;
    this.#count(index, 1);
    if (this.#firstTokenMs === undefined) {
      this.#firstTokenMs = now;
      metrics.firstToken(this.endpoint, now / 1000);
    }
    const last = this.#lastTokenMs.get(index);
    if (last !== undefined) metrics.nextToken(this.endpoint, (now - last) / 1000);
    this.#lastTokenMs.set(index, now);
  }

  /**
   * Counts tokens of the choice `index` that nobody read, if the client has left or reads too slowly (`failed`). Tokens after a stop
   * string do not count, nor those of a choice that a vote does not need any more, nor those that another gateway computes again.
   */
  unread(index: number, tokens: number, { failed }: { failed: boolean }): void {
    const isLeft = this.#left.signal.aborted || (this.error !== undefined && !(this.error instanceof Moved));
    if (!isLeft && !failed) return;
    this.#count(index, tokens);
  }

  #count(index: number, tokens: number): void {
    this.completionTokens += tokens;
    this.#turn?.turn.generated(tokens);
    this.#tokensOf.set(index, (this.#tokensOf.get(index) ?? 0) + tokens);
  }

  /** Notes the finish reason of a choice as the endpoint names it, such as `tool_calls`. */
  finished(reason: string): void {
    this.#reasons.add(reason);
  }

  /** Ends a choice. A stop id that ended the choice counts as a token too, although the engine did not send it as one. */
  choiceEnded({ index, usage }: EndedChoice): void {
    if (usage.cachedTokens !== undefined) this.cachedTokens = (this.cachedTokens ?? 0) + usage.cachedTokens;
    for (const [rung, hops = 0] of Object.entries(usage.degradedHops ?? {}) as [Rung, number][]) {
      this.#degradedHops[rung] = (this.#degradedHops[rung] ?? 0) + hops;
    }
    this.#count(index, usage.completionTokens - (this.#tokensOf.get(index) ?? 0));
  }

  /** Stops the generations. Called when the request has its answer. */
  abandon(): void {
    this.#left.abort();
  }

  /** Ends the request: writes its log line, metrics, usage line and trace. */
  settle(status: number): void {
    const { method, path, logger, metrics, trace } = this.#options;
    const durationMs = this.elapsedMs;
    const apiMs = this.#generations.length > 0 ? this.clock.ms : undefined;
    this.#turn?.turn.end();
    this.holding?.release();
    this.#options.onEnd?.(this);
    this.#countUsage(status, durationMs);
    metrics.requestEnded(this.endpoint, { status, seconds: durationMs / 1000, polled: this.polled });
    if (apiMs !== undefined) metrics.overhead(this.endpoint, apiMs / 1000);
    if (this.model !== undefined) metrics.modelAnswered(this.model, status);
    metrics.tokens(this.#billedPrompt, this.completionTokens);
    const facts = {
      ...{ requestId: this.id, method, path, status, model: this.model, key: this.key?.name },
      ...{ promptTokens: this.promptTokens, completionTokens: this.completionTokens },
    };
    const error = this.error?.code ?? this.error?.type;
    const line = {
      ...facts,
      ...{ ttftMs: rounded(this.#firstTokenMs), durationMs: rounded(durationMs), apiMs: rounded(apiMs) },
      finish: this.#reasons.size > 0 ? [...this.#reasons].join(',') : undefined,
      error,
      err: this.error?.cause,
      trace: trace?.traceId,
    };
    const quiet = this.polled && status < 400;
    if (!quiet) {
      trace?.end({
        ...facts,
        ...{ endpoint: this.endpoint, durationMs, apiMs, error },
        ...{ requestedModel: this.requestedModel ?? this.model, cachedTokens: this.cachedTokens },
        ...{ degradedHops: this.#degradedHops, finishReasons: [...this.#reasons] },
        generations: this.#generations,
      });
    }
    // A probe that answers 503 says that the server is not ready, which is not a fault.
    const notReady = this.polled && status === 503 && this.error === undefined;
    if (status >= 500 && !notReady) logger.error(line, 'request');
    else if (quiet) logger.debug(line, 'request');
    else logger.info(line, 'request');
  }

  /** The prompt of a stream that continues was billed where the stream began. */
  get #billedPrompt(): number {
    return this.continuation === undefined ? this.promptTokens : 0;
  }

  #countUsage(status: number, durationMs: number): void {
    const { metrics, onUsage } = this.#options;
    const tokens = {
      prompt: this.#billedPrompt,
      cached: this.cachedTokens ?? 0,
      generated: this.completionTokens,
    };
    if (this.key !== undefined) metrics.keyUsed(this.key.name, status, tokens);
    if (!this.#admitted || this.passedOn) return;
    onUsage?.(usageLineOf(this, { promptTokens: tokens.prompt, status, ms: durationMs }));
  }
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 10) / 10;
}
