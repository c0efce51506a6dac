// What is noted of one request while it runs: for its log line, its metrics and its headers. Holds no text.
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { DegradedHops, Rung } from '../../engine/messages.ts';
import type { AnswerEvent } from '../answers/answer.ts';
import type { Holding } from '../budget/ledger.ts';
import type { Tenant } from '../budget/slices.ts';
import { ApiError } from '../errors.ts';
import type { Shutdown } from '../shutdown.ts';
import type { StoredKey } from '../tenants/keys.ts';
import type { Exceeded, Turn } from '../tenants/rate-limits.ts';
import type { UsageLine, UsageLog } from '../tenants/usage-log.ts';
import type { Metrics } from './metrics.ts';
import { GenerationWatch, OverheadClock } from './overhead.ts';
import type { RequestTrace } from './telemetry.ts';

/** What Hono keeps for each request. */
export type RecordEnv = { Variables: { record: RequestRecord } };

/** A caller's id is taken where it is safe in a header and in a log. */
const SAFE_ID = /^[\x21-\x7e]{1,128}$/;

export interface RequestRecordOptions {
  method: string;
  path: string;
  givenId: string | undefined;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
  shutdown: Shutdown;
  logger: Logger;
  metrics: Metrics;
  /** Told what a request that was admitted has used, when it is over. */
  onUsage?: (line: UsageLine) => void;
  /** No request is admitted while lines of this wait; absent: no log decides that. */
  usageLog?: Pick<UsageLog, 'waiting'>;
  /** Absent: nobody traces. */
  trace?: RequestTrace;
}

type EndedChoice = Extract<AnswerEvent, { type: 'finish' }>;

export class RequestRecord {
  readonly id: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Of the server, which ends the request if it is still open then. */
  readonly shutdown: Shutdown;
  /** The route, once it is known. */
  endpoint = 'unmatched';
  /** Whether the route is one that probes, peers or open pages poll. */
  polled = false;
  /** As the caller names it, once that is known. */
  requestedModel: string | undefined;
  /** Id of the one that answers, once it is known. */
  model: string | undefined;
  /** The answer goes on after the handler has returned; its end settles the record. */
  streaming = false;
  /** The caller's; undefined where none is wanted. */
  key: StoredKey | undefined;
  /** Whose cached prefixes alone the request may find, by the hash of a key; undefined: everyone's. */
  prefixTenant: string | undefined;
  /** Another gateway computes the answer, and tells what it used. */
  passedOn = false;
  /** Paths in the request of what the answer is not held to; see structured.ts. */
  schemaNotes: readonly string[] = [];
  /** What the request holds of the gateway's memory until it is over, beside its answer. */
  holding: Holding | undefined;
  promptTokens = 0;
  /** Of the prompt's, those found in the cache, once the engine has told. */
  cachedTokens: number | undefined;
  completionTokens = 0;
  /** What ended the request, where something went wrong. */
  error: ApiError | undefined;
  readonly #options: RequestRecordOptions;
  /** Runs while the request is neither the engine's nor its reader's to go on with. */
  readonly clock = new OverheadClock();
  readonly #startedAt = performance.now();
  readonly #abandoned = new AbortController();
  readonly #generations: GenerationWatch[] = [];
  readonly #degradedHops: DegradedHops = {};
  readonly #lastTokenAt = new Map<number, number>();
  /** By choice. */
  readonly #tokensOf = new Map<number, number>();
  readonly #reasons = new Set<string>();
  #firstTokenMs: number | undefined;
  /** The request's place in its key's limits. */
  #turn: { turn: Turn; refusal: (by: Exceeded) => ApiError } | undefined;
  #admitted = false;

  constructor(options: RequestRecordOptions) {
    const { givenId, signal, shutdown } = options;
    this.id =
      givenId !== undefined && SAFE_ID.test(givenId) ? givenId : `req_${randomUUID().replaceAll('-', '')}`;
    this.signal = AbortSignal.any([signal, this.#abandoned.signal]);
    this.shutdown = shutdown;
    this.#options = options;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Whose time and memory it takes. */
  get tenant(): Tenant {
    return { name: this.key?.name, weight: this.key?.weight ?? 1 };
  }

  /** For calls that are made in this request's name; undefined: nobody traces. */
  get traceparent(): string | undefined {
    return this.#options.trace?.traceparent;
  }

  /** Follows the generation of the choice `index`, which is about to begin. */
  generation(index: number): GenerationWatch {
    const watch = new GenerationWatch(index, { clock: this.clock, elapsedMs: () => this.elapsedMs });
    this.#generations.push(watch);
    return watch;
  }

  /** The request counts against its key's limits; `refusal` makes the error of one that does not allow it. */
  begin(turn: Turn, refusal: (by: Exceeded) => ApiError): void {
    this.#turn = { turn, refusal };
  }

  /**
   * To be asked before any work on prompts of so many tokens. Throws a 429 if the key's limit does not allow it, and a 503
   * while its usage could not be written.
   */
  admit(tokens: number): void {
    if ((this.#options.usageLog?.waiting ?? 0) > 0) throw unwritable();
    if (this.#turn !== undefined) {
      const { turn, refusal } = this.#turn;
      const exceeded = turn.prompt(tokens);
      if (exceeded !== undefined) throw refusal(exceeded);
    }
    this.#admitted = true;
  }

  /** A token of the choice `index` came from the engine. */
  token(index: number): void {
    const { metrics } = this.#options;
    const now = this.elapsedMs;
    this.completionTokens++;
    this.#turn?.turn.generated(1);
    if (this.#firstTokenMs === undefined) {
      this.#firstTokenMs = now;
      metrics.firstToken(this.endpoint, now / 1000);
    }
    const last = this.#lastTokenAt.get(index);
    if (last !== undefined) metrics.nextToken(this.endpoint, (now - last) / 1000);
    this.#lastTokenAt.set(index, now);
    this.#tokensOf.set(index, (this.#tokensOf.get(index) ?? 0) + 1);
  }

  /** A choice's finish, as its endpoint reads it: an answer that calls tools stops for that. */
  finished(reason: string): void {
    this.#reasons.add(reason);
  }

  /** One choice is whole. The token that ended it was generated, and is counted, though it was not given. */
  choiceEnded({ index, usage }: EndedChoice): void {
    if (usage.cachedTokens !== undefined) this.cachedTokens = (this.cachedTokens ?? 0) + usage.cachedTokens;
    for (const [rung, hops = 0] of Object.entries(usage.degradedHops ?? {}) as [Rung, number][]) {
      this.#degradedHops[rung] = (this.#degradedHops[rung] ?? 0) + hops;
    }
    const more = usage.completionTokens - (this.#tokensOf.get(index) ?? 0);
    this.completionTokens += more;
    this.#turn?.turn.generated(more);
  }

  /** It has its answer already: whatever is still computed for it is stopped. */
  abandon(): void {
    this.#abandoned.abort();
  }

  /** The request is over: one log line, the metrics, and its trace. */
  settle(status: number): void {
    const { method, path, logger, metrics, trace } = this.#options;
    const durationMs = this.elapsedMs;
    const apiMs = this.#generations.length > 0 ? this.clock.ms : undefined;
    this.#turn?.turn.end();
    this.holding?.release();
    this.#tellUsage(status, durationMs);
    metrics.requestEnded(this.endpoint, { status, seconds: durationMs / 1000, polled: this.polled });
    if (apiMs !== undefined) metrics.overhead(this.endpoint, apiMs / 1000);
    if (this.model !== undefined) metrics.modelAnswered(this.model, status);
    metrics.tokens(this.promptTokens, this.completionTokens);
    const line = {
      requestId: this.id,
      method,
      path,
      status,
      model: this.model,
      key: this.key?.name,
      promptTokens: this.promptTokens,
      completionTokens: this.completionTokens,
      ttftMs: rounded(this.#firstTokenMs),
      durationMs: rounded(durationMs),
      apiMs: rounded(apiMs),
      finish: this.#reasons.size > 0 ? [...this.#reasons].join(',') : undefined,
      error: this.error?.code ?? this.error?.type,
      err: this.error?.cause,
      trace: trace?.traceId,
    };
    const quiet = this.polled && status < 400;
    if (!quiet) this.#tellTrace(status, { durationMs, apiMs });
    if (status >= 500) logger.error(line, 'request');
    else if (quiet) logger.debug(line, 'request');
    else logger.info(line, 'request');
  }

  #tellTrace(status: number, times: { durationMs: number; apiMs: number | undefined }): void {
    this.#options.trace?.end({
      requestId: this.id,
      method: this.#options.method,
      path: this.#options.path,
      endpoint: this.endpoint,
      status,
      ...times,
      error: this.error?.code ?? this.error?.type,
      requestedModel: this.requestedModel ?? this.model,
      model: this.model,
      key: this.key?.name,
      promptTokens: this.promptTokens,
      completionTokens: this.completionTokens,
      cachedTokens: this.cachedTokens,
      degradedHops: this.#degradedHops,
      finishReasons: [...this.#reasons],
      generations: this.#generations,
    });
  }

  #tellUsage(status: number, durationMs: number): void {
    const { metrics, onUsage } = this.#options;
    const tokens = {
      prompt: this.promptTokens,
      cached: this.cachedTokens ?? 0,
      generated: this.completionTokens,
    };
    if (this.key !== undefined) metrics.keyUsed(this.key.name, status, tokens);
    if (!this.#admitted || this.passedOn) return;
    onUsage?.({
      time: new Date().toISOString(),
      request: this.id,
      key: this.key?.name ?? null,
      model: this.model ?? null,
      endpoint: this.endpoint,
      prompt_tokens: tokens.prompt,
      cached_tokens: this.cachedTokens ?? null,
      generated_tokens: tokens.generated,
      status,
      ms: Math.round(durationMs),
    });
  }
}

function unwritable(): ApiError {
  return new ApiError({
    status: 503,
    message:
      'The server cannot write its usage log now, and answers nothing that it could not account for. Try again later.',
    type: 'server_error',
    code: 'usage_log_unavailable',
    headers: { 'retry-after': '1' },
  });
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 10) / 10;
}
