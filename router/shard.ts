// One shard as the gateway sees it: kept connected, its calls counted. Knows rows of floats; no sockets, no choice
// between shards.
import { setTimeout as delay } from 'node:timers/promises';
import type { HoldingRange, ModelShape, RunAnswer, RunRequest } from '../experts/wire.ts';
import { RpcError, toRpcError } from '../rpc/errors.ts';
import type { CallOptions } from '../rpc/transport.ts';
import { reconnectDelayMs, refusedDelayMs } from './backoff.ts';
import { type Link, openLink } from './link.ts';
import type { Member } from './member.ts';

export type FleetLog = (level: 'info' | 'warn', message: string) => void;

export interface ShardOptions {
  member: Member;
  model: ModelShape;
  version: string;
  log: FleetLog;
  /** What it holds, or whether it can be called, has changed. */
  onChange: () => void;
}

/** Since the start. */
export interface ShardCounters {
  /** Frames sent. */
  calls: number;
  /** (row, expert) pairs asked for. */
  rows: number;
  failures: number;
  /** Connections made after the first. */
  reconnects: number;
  /** Of rows, without framing. */
  bytesSent: number;
  bytesReceived: number;
}

export class Shard {
  readonly address: string;
  readonly counters: ShardCounters = {
    calls: 0,
    rows: 0,
    failures: 0,
    reconnects: 0,
    bytesSent: 0,
    bytesReceived: 0,
  };
  readonly #options: ShardOptions;
  readonly #closing = new AbortController();
  #link: Link | undefined;
  #inFlight = 0;
  #lastLogged = '';

  /** Connects at once, and again whenever the connection is lost, until it is closed. */
  constructor(options: ShardOptions) {
    this.address = options.member.address;
    this.#options = options;
    void this.#stayConnected();
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get numericsClass(): string | undefined {
    return this.#link?.offer.numericsClass;
  }

  /** What it can be called for now: nothing while it is away or leaving. */
  get holdings(): readonly HoldingRange[] {
    return this.#link === undefined || this.#link.draining ? [] : this.#link.holdings;
  }

  /** What one frame to it may hold. */
  get limits(): { rows: number; asks: number } {
    return this.#link?.limits ?? { rows: 1, asks: 1 };
  }

  async run(request: RunRequest, options: CallOptions): Promise<RunAnswer> {
    const { counters } = this;
    const asks = request.asks.length / 2;
    counters.calls++;
    counters.rows += asks;
    counters.bytesSent += request.rows.byteLength;
    this.#inFlight++;
    try {
      if (this.#link === undefined) throw new RpcError('unavailable', 'not connected');
      const answer = await this.#link.run(request, options);
      counters.bytesReceived += answer.rows.byteLength;
      return answer;
    } catch (cause) {
      const { code, message, retryAfterMs } = toRpcError(cause);
      if (code !== 'cancelled') counters.failures++;
      const named = `shard ${this.address}: ${message}`;
      throw new RpcError(code, named, retryAfterMs === undefined ? { cause } : { cause, retryAfterMs });
    } finally {
      this.#inFlight--;
    }
  }

  close(): void {
    this.#closing.abort();
    this.#link?.transport.close();
    this.#link = undefined;
  }

  async #stayConnected(): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      let waitMs: number;
      try {
        const link = await openLink({ ...this.#options, signal });
        failures = 0;
        this.#use(link);
        const { message } = await link.lost;
        this.#lose(message);
        waitMs = reconnectDelayMs(0, Math.random());
      } catch (cause) {
        const { code, message } = toRpcError(cause);
        const refused = code === 'incompatible';
        this.#log('warn', refused ? `is not used: ${message}` : `is away: ${message}`);
        waitMs = refused ? refusedDelayMs(Math.random()) : reconnectDelayMs(++failures, Math.random());
      }
      await delay(waitMs, undefined, { signal }).catch(() => signal.aborted); // closing ends the wait
    }
  }

  #use(link: Link): void {
    if (this.#closing.signal.aborted) {
      link.transport.close();
      return;
    }
    if (this.#lastLogged !== '') this.counters.reconnects++;
    this.#link = link;
    this.#log('info', `is connected: ${link.offer.numericsClass}`);
    this.#options.onChange();
  }

  #lose(message: string): void {
    this.#link = undefined;
    if (this.#closing.signal.aborted) return;
    this.#log('warn', `is lost: ${message}`);
    this.#options.onChange();
  }

  /** A state that lasts is told once, not at each attempt. */
  #log(level: 'info' | 'warn', message: string): void {
    if (message === this.#lastLogged || this.#closing.signal.aborted) return;
    this.#lastLogged = message;
    this.#options.log(level, `shard ${this.address} ${message}`);
  }
}
