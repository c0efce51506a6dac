// The calls of one shard: counted, timed, and watched for whether they are answered.
import type { RunAnswer, RunRequest } from '../../experts/wire/run.ts';
import { RpcError, toRpcError } from '../../rpc/errors.ts';
import type { CallOptions } from '../../rpc/transport.ts';
import { type Latencies, Timing } from '../delivery/timing.ts';
import type { Link } from './link.ts';
import { type CallKind, Responses } from './responses.ts';
import type { ShardCounters } from './shard-counters.ts';

export interface CallsOptions {
  address: string;
  counters: ShardCounters;
  latencies: Latencies;
  silentMs: number;
  /** False for a shard in this very thread: there is no machine that could fall silent. */
  watched: boolean;
  /** The shard gets calls, so unanswered ones tell something. */
  isAvailable: () => boolean;
  /** Told why the shard is to be taken out of service. */
  onUnanswered: (reason: string) => void;
}

export class Calls {
  readonly timing: Timing;
  readonly #options: CallsOptions;
  readonly #responses: Responses;
  #inFlight = 0;
  #look: NodeJS.Timeout | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.timing = new Timing(options.latencies);
    this.#responses = new Responses(options.silentMs);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Milliseconds that one more call is expected to take. */
  cost(): number {
    return this.timing.cost(this.#inFlight);
  }

  async run(link: Link | undefined, request: RunRequest, options: CallOptions): Promise<RunAnswer> {
    const { counters, address } = this.#options;
    const isBulk = options.bulk === true;
    const kind = kindOf(isBulk);
    counters.calls++;
    counters.rows += request.asks.length / 2;
    counters.bytesSent += request.rows.byteLength;
    this.#inFlight++;
    const startedAt = performance.now();
    const ended = this.#begin(kind, startedAt);
    try {
      if (link === undefined) throw new RpcError('unavailable', 'not connected');
      const answer = await link.run(request, options);
      counters.bytesReceived += answer.rows.byteLength;
      this.timing.learn(startedAt, isBulk);
      this.answered(kind);
      return answer;
    } catch (cause) {
      const error = toRpcError(cause);
      if (error.code !== 'cancelled') counters.failures++;
      this.timing.learnFailure(error, startedAt, isBulk);
      if (options.deadlineMs > 0) this.unanswered(kind, error, startedAt);
      throw named(address, error);
    } finally {
      ended();
      this.#inFlight--;
    }
  }

  answered(kind: CallKind): void {
    this.#responses.answered(kind, performance.now());
  }

  /** A call ended without rows. */
  unanswered(kind: CallKind, { code }: RpcError, sentAt: number): void {
    const { watched, counters, isAvailable, onUnanswered } = this.#options;
    if (!watched) return;
    if (code === 'deadline') counters.timeouts++;
    if (kind !== 'golden' && !isAvailable()) return;
    const why = this.#responses.unanswered({ kind, code, sentAt, now: performance.now() });
    if (why !== undefined) onUnanswered(why);
  }

  /**
   * A call is late and another shard has answered. True if the call should be left running all the same, because it tells
   * whether the shard answers at all; `watched` is to be called when it has ended.
   */
  watches(bulk: boolean): boolean {
    return this.#options.watched && this.#responses.givenUp(kindOf(bulk));
  }

  watched(bulk: boolean): void {
    this.#responses.watched(kindOf(bulk));
  }

  /** Calls that were sent before no longer tell whether the shard answers. */
  forget(): void {
    this.#responses.reset(performance.now());
  }

  close(): void {
    clearTimeout(this.#look);
    this.#look = undefined;
  }

  /** While calls are in flight, looks again and again whether they have waited too long. */
  #begin(kind: CallKind, sentAt: number): () => void {
    if (!this.#options.watched) return () => {};
    if (this.#look === undefined) this.#lookAgain();
    return this.#responses.begin(kind, sentAt);
  }

  #lookAgain(): void {
    const { silentMs, isAvailable, onUnanswered } = this.#options;
    this.#look = setTimeout(() => {
      this.#look = undefined;
      if (!this.#responses.anyOpen) return;
      this.#lookAgain();
      const why = isAvailable() ? this.#responses.overdue(performance.now()) : undefined;
      if (why !== undefined) onUnanswered(why);
    }, silentMs / 4).unref();
  }
}

function kindOf(bulk: boolean): CallKind {
  return bulk ? 'bulk' : 'decode';
}

function named(address: string, cause: RpcError): RpcError {
  const { code, message, retryAfterMs } = cause;
  const text = `shard ${address}: ${message}`;
  return new RpcError(code, text, retryAfterMs === undefined ? { cause } : { cause, retryAfterMs });
}
