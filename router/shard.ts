// One shard as the gateway sees it: kept connected, proven before it is used, its calls counted and timed. Knows rows of
// floats; no sockets, no choice between shards.
import { setTimeout as delay } from 'node:timers/promises';
import { placementText, type SignedPlacement } from '../experts/placement-file.ts';
import type { HoldingRange, ModelOffer, ModelShape, RunAnswer, RunRequest } from '../experts/wire.ts';
import { RpcError, toRpcError } from '../rpc/errors.ts';
import type { CallOptions, Params } from '../rpc/transport.ts';
import { firstCordonMs, reconnectDelayMs, refusedDelayMs } from './backoff.ts';
import { Conduct } from './conduct.ts';
import { type Link, openLink, ServesSiblings } from './link.ts';
import type { Member } from './member.ts';
import { type Proof, sampleUnits, type Unit } from './proof.ts';
import { askInRounds } from './rounds.ts';
import { type ShardEvent, type ShardState, transition } from './states.ts';
import { type Latencies, Timing } from './timing.ts';

export type FleetLog = (level: 'info' | 'warn', message: string) => void;

/** When a shard is looked at again. Milliseconds. */
export interface Pace {
  /** All units of a shard have been asked for once within it. */
  roundMs: number;
  /** Between two golden rows at least. */
  leastPauseMs: number;
  /** Of the first wrong answer. */
  firstCordonMs: number;
}

export const defaultPace: Pace = { roundMs: 3_600_000, leastPauseMs: 250, firstCordonMs };

export interface ShardOptions {
  member: Member;
  model: ModelShape;
  /** Identities of the gateway's other models: a shard of theirs is no stranger. */
  siblings?: readonly string[] | undefined;
  version: string;
  log: FleetLog;
  latencies: Latencies;
  /** Absent: shards are taken at their word. */
  proof?: Proof | undefined;
  pace: Pace;
  /** Some expert that it held has nobody else: a ban would hurt more than it helps. */
  isNeeded: (shard: Shard) => boolean;
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
  /** Golden rows asked for. */
  proofs: number;
  cordons: number;
  bans: number;
}

export function noCounters(): ShardCounters {
  return {
    calls: 0,
    rows: 0,
    failures: 0,
    reconnects: 0,
    bytesSent: 0,
    bytesReceived: 0,
    proofs: 0,
    cordons: 0,
    bans: 0,
  };
}

/** Golden rows before it is used for the first time, and after it has answered wrongly. */
const firstSample = 8;
const paroleSample = 64;
/** Of one that may be innocent. */
const suspicionMs = 250;
/** Where nothing can tell whether it is, each suspicion lasts twice as long as the one before. */
const longestSuspicionMs = 5_000;
/** A shard keeps a placement before it answers. */
const tellMs = 10_000;
/** One that was too busy to is told again. */
const tellAgainMs = 1_000;
export class Shard {
  readonly address: string;
  readonly counters = noCounters();
  readonly #options: ShardOptions;
  readonly #closing = new AbortController();
  readonly #timing: Timing;
  readonly #conduct = new Conduct();
  #state: ShardState = 'away';
  #link: Link | undefined;
  #lastHeld: readonly HoldingRange[] = [];
  #inFlight = 0;
  /** A cordon outlasts a connection to the same process. */
  #cordon = { until: 0, instance: '', shown: false };
  /** Units to prove first: those of wrong answers. */
  #suspects: Unit[] = [];
  #validations = 0;
  #suspicions = 0;
  /** Told on this connection: which epoch is acted on, which is offered. */
  #told = { acted: -1, offered: 0 };
  #lastLogged = '';
  #connections = 0;

  /** Connects at once, and again whenever the connection is lost, until it is closed. */
  constructor(options: ShardOptions) {
    this.address = options.member.address;
    this.#options = options;
    this.#timing = new Timing(options.latencies);
    void this.#stayConnected();
  }

  get state(): ShardState {
    return this.#state;
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get offer(): ModelOffer | undefined {
    return this.#link?.offer;
  }

  get numericsClass(): string | undefined {
    return this.#link?.offer.numericsClass;
  }

  /** Names all that decides the bits of its answers: how it computes, and with which bytes. */
  get bitsOf(): string | undefined {
    const { numericsClass, content } = this.#link?.offer ?? {};
    return numericsClass && `${numericsClass} ${content}`;
  }

  get standby(): boolean {
    return this.#link?.offer.standby === true;
  }

  /** What placements call it. */
  get name(): string | undefined {
    return this.#link?.name;
  }

  /** That it follows. */
  get placement(): SignedPlacement | undefined {
    return this.#link?.placement;
  }

  /** What it can be called for now: nothing while it is away, leaving or not trusted. */
  get holdings(): readonly HoldingRange[] {
    return this.#state === 'available' ? (this.#link?.holdings ?? []) : [];
  }

  /** What it holds, or held when it was last here. */
  get lastHeld(): readonly HoldingRange[] {
    return this.#link?.holdings ?? this.#lastHeld;
  }

  /** What one frame to it may hold. */
  get limits(): { rows: number; asks: number } {
    return this.#link?.limits ?? { rows: 1, asks: 1 };
  }

  /** Milliseconds that one more call is expected to take. */
  cost(): number {
    return this.#timing.cost(this.#inFlight);
  }

  async run(request: RunRequest, options: CallOptions): Promise<RunAnswer> {
    const { counters } = this;
    counters.calls++;
    counters.rows += request.asks.length / 2;
    counters.bytesSent += request.rows.byteLength;
    this.#inFlight++;
    const startedAt = performance.now();
    try {
      if (this.#link === undefined) throw new RpcError('unavailable', 'not connected');
      const answer = await this.#link.run(request, options);
      counters.bytesReceived += answer.rows.byteLength;
      this.#timing.learn(startedAt, options.bulk === true);
      return answer;
    } catch (cause) {
      const error = toRpcError(cause);
      if (error.code !== 'cancelled') counters.failures++;
      this.#timing.learnFailure(error, startedAt, options.bulk === true);
      throw named(this.address, error);
    } finally {
      this.#inFlight--;
    }
  }

  /** A call was not answered in a long time: for a second, whoever may ask others does. */
  noteSilence(): void {
    this.#timing.noteSilence();
  }

  get silent(): boolean {
    return this.#timing.silent;
  }

  /** It has answered wrongly: no more calls until the cordon is over and it is proven again. */
  accuse(reason: string, suspects: readonly Unit[] = []): void {
    if (this.#state === 'cordoned' && this.#cordon.shown) return; // one event, told by several calls
    const ms = this.#conduct.offend(performance.now(), this.#options.pace.firstCordonMs);
    this.#cordonFor(ms, reason, suspects, true);
  }

  /**
   * It failed a call, or gave a number that is not finite. The row may be to blame as well as the shard: golden rows, where
   * there are any, tell at once.
   */
  suspect(reason: string, suspects: readonly Unit[]): void {
    const { offer } = this;
    const canTell = offer !== undefined && this.#options.proof?.speaksFor(offer) === true;
    const ms = canTell ? suspicionMs : Math.min(suspicionMs * 2 ** this.#suspicions++, longestSuspicionMs);
    this.#cordonFor(ms, reason, suspects, false);
  }

  #cordonFor(ms: number, reason: string, suspects: readonly Unit[], shown: boolean): void {
    // In this very process there is no other machine to blame, and nobody to ask instead.
    if (this.#options.member.run !== undefined) return;
    const isSuspected = this.#state === 'cordoned' && shown;
    if (!isSuspected && !this.#move('wrong')) return;
    this.counters.cordons++;
    this.#suspects = [...suspects, ...this.#suspects].slice(0, paroleSample);
    this.#cordon = { until: performance.now() + ms, instance: this.#link?.instance ?? '', shown };
    this.#log('warn', `is cordoned for ${ms / 1_000} s: ${reason}`);
    void this.#parole(ms);
  }

  /** Tells it the epoch that is acted on, and the newest placement where it follows an older one, each once. */
  tellPlacement(acted: number, newest: SignedPlacement | undefined): void {
    const link = this.#link;
    // In this very process nothing moves.
    if (link === undefined || this.#options.member.run !== undefined) return;
    if (this.#told.acted !== acted) {
      this.#told.acted = acted;
      void this.#tell(link, 'shard.adopted', { model: this.#options.model.identity, epoch: acted });
    }
    const follows = link.placement?.epoch ?? 0;
    if (newest === undefined || link.name === undefined || !Object.hasOwn(newest.shards, link.name)) return;
    if (newest.epoch <= follows || newest.epoch <= this.#told.offered) return;
    this.#told.offered = newest.epoch;
    void this.#tell(link, 'shard.place', { placement: placementText(newest) });
  }

  /** Takes no new calls from here on; closes, and resolves, once those in flight have ended. */
  async retire(): Promise<void> {
    if (!this.#move('removed')) return;
    this.#log('info', 'is no longer a member');
    while (this.#inFlight > 0) await delay(20, undefined, { ref: false });
    this.close();
  }

  /** Rejects what is in flight. */
  close(): void {
    this.#closing.abort();
    this.#link?.transport.close();
    this.#link = undefined;
    this.#move('removed');
  }

  async #stayConnected(): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted && this.#state !== 'retired') {
      let waitMs: number;
      try {
        const link = await openLink({ ...this.#options, signal, onChange: () => this.#changed() });
        failures = 0;
        this.#use(link);
        const { message } = await link.lost;
        const hasLeft = this.#lose(message);
        waitMs = reconnectDelayMs(0, Math.random());
        if (!hasLeft) await this.#sitOutBan(this.#conduct.lose(performance.now()));
      } catch (cause) {
        const { code, message } = toRpcError(cause);
        const refused = code === 'incompatible' || code === 'unproven';
        const sibling = cause instanceof ServesSiblings;
        this.#log(sibling ? 'info' : 'warn', refused ? `is not used: ${message}` : `is away: ${message}`);
        waitMs = refused
          ? refusedDelayMs(Math.random(), { sibling })
          : reconnectDelayMs(++failures, Math.random());
      }
      await this.#pause(waitMs);
    }
  }

  async #tell({ transport }: Link, method: string, params: Params): Promise<void> {
    try {
      await transport.call(method, params, { deadlineMs: tellMs });
    } catch (cause) {
      const { code, message } = toRpcError(cause);
      // Who does not know the method does not move; of one that is lost or leaves there is word already.
      if (['unknown_method', 'unavailable', 'draining'].includes(code)) return;
      this.#log('warn', `refuses ${method}: ${message}`);
      if (code !== 'busy' && code !== 'deadline') return;
      await this.#pause(tellAgainMs);
      if (this.#link?.transport !== transport) return;
      this.#told = { acted: -1, offered: 0 };
      this.#options.onChange();
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    await delay(ms, undefined, { signal, ref: false }).catch(() => signal.aborted); // closing ends the wait
  }

  async #sitOutBan(ms: number): Promise<void> {
    if (ms === 0 || this.#options.isNeeded(this) || !this.#move('unstable')) return;
    this.counters.bans++;
    this.#log('warn', `is left alone for ${ms / 1_000} s: it was lost too often within a minute`);
    const until = performance.now() + ms;
    while (performance.now() < until && !this.#closing.signal.aborted && !this.#options.isNeeded(this)) {
      await this.#pause(50);
    }
    this.#move('paroled');
  }

  #use(link: Link): void {
    if (this.#closing.signal.aborted || !this.#move('connected')) {
      link.transport.close();
      return;
    }
    if (this.#connections++ > 0) this.counters.reconnects++;
    this.#link = link;
    this.#told = { acted: -1, offered: 0 };
    this.#options.onChange();
    const { numericsClass, standby } = link.offer;
    this.#log('info', `is connected${standby === true ? ' as standby' : ''}: ${numericsClass}`);
    const cordonedMs = this.#cordon.until - performance.now();
    const isSame = this.#cordon.instance === link.instance;
    if (cordonedMs > 0 && isSame && this.#move('wrong')) void this.#parole(cordonedMs);
    else this.#prove(link, firstSample);
    if (link.draining) this.#move('leaving');
  }

  /** Proves it and, once it is proven, goes on asking for one golden row after another. */
  #prove(link: Link, sample: number): void {
    const { proof, member } = this.#options;
    // What runs in this very process is checked where it is loaded.
    if (proof === undefined || member.run !== undefined || !proof.speaksFor(link.offer)) {
      if (this.#move('proven')) this.#options.onChange();
      return;
    }
    void this.#proveByGoldens(link, proof, sample);
  }

  async #proveByGoldens(link: Link, proof: Proof, sample: number): Promise<void> {
    // One that slept through a cordon is not to go on: with its one unit it would prove what needs a larger sample.
    const validation = ++this.#validations;
    await askInRounds({
      proof,
      link,
      first: [...this.#suspects, ...sampleUnits(link.holdings, sample, Math.random())],
      pace: this.#options.pace,
      pause: (ms) => this.#pause(ms),
      signal: this.#closing.signal,
      goesOn: () =>
        this.#link === link &&
        this.#validations === validation &&
        !this.#closing.signal.aborted &&
        (this.#state === 'validating' || this.#state === 'available'),
      onAsked: (units) => {
        this.counters.proofs += units;
      },
      onRight: () => {
        if (!this.#move('proven')) return;
        this.#suspects = [];
        this.#options.onChange();
      },
      onWrong: (fault, units) => this.accuse(`a golden row was answered wrongly: ${fault}`, units),
      onUnable: (message) => this.#log('warn', `cannot be checked: ${message}`),
    });
  }

  async #parole(ms: number): Promise<void> {
    const link = this.#link;
    const { until } = this.#cordon;
    await this.#pause(ms);
    if (this.#cordon.until > until) return; // it was made longer
    if (link === undefined || this.#link !== link || !this.#move('paroled')) return;
    this.#log('info', 'is validated again after its cordon');
    this.#prove(link, paroleSample);
  }

  /** Whether it had said that it would leave. */
  #lose(message: string): boolean {
    this.#lastHeld = this.#link?.holdings ?? this.#lastHeld;
    this.#link = undefined;
    const leaving = this.#state === 'draining';
    this.#move('lost');
    if (this.#closing.signal.aborted) return leaving;
    if (leaving) this.#log('info', 'has left service');
    else this.#log('warn', `is lost: ${message}`);
    this.#options.onChange();
    return leaving;
  }

  #changed(): void {
    if (this.#link?.draining) this.#move('leaving');
    this.#options.onChange();
  }

  #move(event: ShardEvent): boolean {
    const next = transition(this.#state, event);
    if (next === undefined) return false;
    const called = this.#state === 'available';
    this.#state = next;
    if (called) this.#options.onChange();
    return true;
  }

  /** A state that lasts is told once, not at each attempt. */
  #log(level: 'info' | 'warn', message: string): void {
    if (message === this.#lastLogged || this.#closing.signal.aborted) return;
    this.#lastLogged = message;
    this.#options.log(level, `shard ${this.address} ${message}`);
  }
}

function named(address: string, cause: RpcError): RpcError {
  const { code, message, retryAfterMs } = cause;
  const text = `shard ${address}: ${message}`;
  return new RpcError(code, text, retryAfterMs === undefined ? { cause } : { cause, retryAfterMs });
}
