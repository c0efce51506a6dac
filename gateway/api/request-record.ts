// What is noted of one request while it runs: for its log line, its metrics and its headers. Holds no text.
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { ApiError } from './errors.ts';
import type { Metrics } from './metrics.ts';

/** A caller's id is taken where it is safe in a header and in a log. */
const SAFE_ID = /^[\x21-\x7e]{1,128}$/;

/** Asked for every few seconds by machines: not worth a line while all is well. */
/** What probes, peers and open consoles ask again and again. */
const PROBES = new Set([
  '/health',
  '/health/ready',
  '/metrics',
  '/peer',
  '/console',
  '/v1/models',
  '/v1/shards',
  '/v1/experts/heat',
]);

export interface RequestRecordOptions {
  method: string;
  path: string;
  givenId: string | undefined;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
  logger: Logger;
  metrics: Metrics;
}

export class RequestRecord {
  readonly id: string;
  readonly signal: AbortSignal;
  /** The route, once it is known. */
  endpoint = 'unmatched';
  /** Id of the one that answers, once it is known. */
  model: string | undefined;
  /** The answer goes on after the handler has returned; its end settles the record. */
  streaming = false;
  promptTokens = 0;
  completionTokens = 0;
  finish: string | undefined;
  /** What ended the request, where something went wrong. */
  error: ApiError | undefined;
  readonly #options: RequestRecordOptions;
  readonly #startedAt = performance.now();
  readonly #lastTokenAt = new Map<number, number>();
  #firstTokenMs: number | undefined;

  constructor(options: RequestRecordOptions) {
    const { givenId, signal } = options;
    this.id =
      givenId !== undefined && SAFE_ID.test(givenId) ? givenId : `req_${randomUUID().replaceAll('-', '')}`;
    this.signal = signal;
    this.#options = options;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** A token of the choice `index` came from the engine. */
  token(index: number): void {
    const { metrics } = this.#options;
    const now = this.elapsedMs;
    this.completionTokens++;
    if (this.#firstTokenMs === undefined) {
      this.#firstTokenMs = now;
      metrics.firstToken(this.endpoint, now / 1000);
    }
    const last = this.#lastTokenAt.get(index);
    if (last !== undefined) metrics.nextToken(this.endpoint, (now - last) / 1000);
    this.#lastTokenAt.set(index, now);
  }

  /** The request is over: one log line, and the metrics. */
  settle(status: number): void {
    const { method, path, logger, metrics } = this.#options;
    const durationMs = this.elapsedMs;
    metrics.requestEnded(this.endpoint, status, durationMs / 1000);
    if (this.model !== undefined) metrics.modelAnswered(this.model, status);
    metrics.tokens(this.promptTokens, this.completionTokens);
    const line = {
      requestId: this.id,
      method,
      path,
      status,
      model: this.model,
      promptTokens: this.promptTokens,
      completionTokens: this.completionTokens,
      ttftMs: rounded(this.#firstTokenMs),
      durationMs: rounded(durationMs),
      finish: this.finish,
      error: this.error?.code ?? this.error?.type,
      err: this.error?.cause,
    };
    if (status >= 500) logger.error(line, 'request');
    else if (PROBES.has(this.endpoint) && status < 400) logger.debug(line, 'request');
    else logger.info(line, 'request');
  }
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 10) / 10;
}
