// Makes the calls to one shard: counts and times them, and reports if the shard does not answer them.
import type { RunAnswer, RunRequest } from '../../experts/wire/run.ts';
import { RpcError, toRpcError } from '../../rpc/errors.ts';
import type { CallOptions } from '../../rpc/transport.ts';
import { Rate } from '../delivery/latency.ts';
import { type Latencies, Timing } from '../delivery/timing.ts';
import type { Link } from './link.ts';
import { type CallKind, Responses } from './responses.ts';
import type { ShardCounters } from './shard-counters.ts';

export interface CallsOptions {
  address: string;
  counters: ShardCounters;
  latencies: () => Latencies;
  silentMs: number;
  /** False for a shard in this thread, which cannot stop answering while the thread runs. */
  isRemote: boolean;
  /** Unanswered decode and prefill calls count only while this returns true. */
  isAvailable: () => boolean;
  /** Called with the reason when the shard should be taken out of service. */
  onUnanswered: (reason: string) => void;
}

/** A call that was sent and is not answered yet. */
interface OpenCall {
  kind: CallKind;
  bulk: boolean;
  deadlineMs: number;
  startedAt: number;
  rows: number;
  bytes: number;
  ended: () => void;
}

export class Calls {
  readonly timing: Timing;
  readonly #options: CallsOptions;
  readonly #responses: Responses;
  #inFlight = 0;
  readonly #rows = new Rate();
  #look: NodeJS.Timeout | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.timing = new Timing(options.latencies);
    this.#responses = new Responses(options.silentMs);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get rowsPerSecond(): number {
    return this.#rows.at(performance.now());
  }

  /** Expected milliseconds of one more call. */
  cost(): number {
    return this.timing.cost(this.#inFlight);
  }

  async run(link: Link | undefined, request: RunRequest, options: CallOptions): Promise<RunAnswer> {
    const call = this.open(request.asks.length / 2, request.rows.byteLength, options);
    return this.settle(call, () => {
      if (link === undefined) throw new RpcError('unavailable', 'not connected');
      return link.run(request, options);
    });
  }

  /** Counts a call that is sent now. `done`, `settle` or `withdraw` must follow. */
  open(rows: number, bytes: number, { bulk = false, deadlineMs }: CallOptions): OpenCall {
    const { counters, isRemote } = this.#options;
    const kind = kindOf(bulk);
    const startedAt = performance.now();
    counters.calls++;
    counters.rows += rows;
    this.#rows.count(rows, startedAt);
    if (isRemote) counters.bytesSent += bytes;
    else counters.rowsHere += rows;
    this.#inFlight++;
    return { kind, bulk, deadlineMs, startedAt, rows, bytes, ended: this.#begin(kind, startedAt) };
  }

  /** Counts the answer to an open call. */
  done({ kind, bulk, startedAt, ended }: OpenCall, bytes: number): void {
    const { counters, isRemote } = this.#options;
    if (isRemote) counters.bytesReceived += bytes;
    this.timing.learn(startedAt, bulk);
    this.answered(kind);
    ended();
    this.#inFlight--;
  }

  /** Undoes `open` for a call that was not sent. */
  withdraw({ rows, bytes, ended }: OpenCall): void {
    const { counters } = this.#options;
    counters.calls--;
    counters.rows -= rows;
    counters.bytesSent -= bytes;
    ended();
    this.#inFlight--;
  }

  /** Resolves as `answer` does, and counts the answer or the failure of an open call. */
  async settle(call: OpenCall, answer: () => Promise<RunAnswer>): Promise<RunAnswer> {
    try {
      const answered = await answer();
      this.done(call, answered.rows.byteLength);
      return answered;
    } catch (cause) {
      const { counters, address } = this.#options;
      const error = toRpcError(cause);
      if (error.code !== 'cancelled') counters.failures++;
      this.timing.learnFailure(error, call.startedAt, call.bulk);
      if (call.deadlineMs > 0) this.unanswered(call.kind, error, call.startedAt);
      call.ended();
      this.#inFlight--;
      throw named(address, error);
    }
  }

  answered(kind: CallKind): void {
    this.#responses.answered(kind, performance.now());
  }

  /** To be called for a call that ended without rows. */
  unanswered(kind: CallKind, { code }: RpcError, sentAt: number): void {
    const { isRemote, counters, isAvailable, onUnanswered } = this.#options;
    if (!isRemote) return;
    if (code === 'deadline') counters.timeouts++;
    if (kind !== 'golden' && !isAvailable()) return;
    const why = this.#responses.unanswered({ kind, code, sentAt, now: performance.now() });
    if (why !== undefined) onUnanswered(why);
  }

  /**
   * To be called when another shard has answered a late call first. Returns true if the call should run on as a probe, which shows
   * whether the shard answers at all. `endProbe` must be called when the probe has ended.
   */
  startProbe(bulk: boolean): boolean {
    return this.#options.isRemote && this.#responses.startProbe(kindOf(bulk));
  }

  endProbe(bulk: boolean): void {
    this.#responses.endProbe(kindOf(bulk));
  }

  /** Calls that were sent before this moment no longer count as unanswered. */
  forget(): void {
    this.#responses.reset(performance.now());
  }

  close(): void {
    clearTimeout(this.#look);
    this.#look = undefined;
  }

  /** Starts the timer that checks calls in flight. Returns a function to call when the call has ended. */
  #begin(kind: CallKind, sentAt: number): () => void {
    if (!this.#options.isRemote) return () => {};
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
