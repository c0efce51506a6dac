// One shard as the gateway sees it: kept connected, proven before it is used, its calls counted and timed. Knows rows of
// floats; no sockets, no choice between shards.
import { setTimeout as delay } from 'node:timers/promises';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import type { PlacementId } from '../../experts/placing/placement-id.ts';
import type { HoldingRange } from '../../experts/runs.ts';
import type { LeaveView, ModelOffer, ModelShape, RunAnswer, RunRequest } from '../../experts/wire.ts';
import { RpcError, toRpcError } from '../../rpc/errors.ts';
import type { CallOptions } from '../../rpc/transport.ts';
import { type Latencies, Timing } from '../delivery/timing.ts';
import { firstCordonMs, firstRestMs, reconnectDelayMs, refusedDelayMs } from './backoff.ts';
import { Conduct } from './conduct.ts';
import type { Dials } from './dials.ts';
import { type Link, openLink, ServesSiblings } from './link.ts';
import type { Member } from './member.ts';
import { anyAnswer, goldenDeadlineMs, type Proof, type Unit } from './proof.ts';
import { type CallKind, defaultSilentMs, Responses } from './responses.ts';
import { noCounters } from './shard-counters.ts';
import { type ShardEvent, type ShardState, transition } from './states.ts';
import { Telling } from './telling.ts';
import { type Pace, Trial } from './trial.ts';

export type FleetLog = (level: 'info' | 'warn', message: string) => void;

export const defaultPace: Pace = {
  roundMs: 3_600_000,
  leastPauseMs: 250,
  firstCordonMs,
  goldenDeadlineMs,
  silentMs: defaultSilentMs,
  firstRestMs,
  redundancyMs: 500,
};

export interface ShardOptions {
  member: Member;
  model: ModelShape;
  /** Identities of the gateway's other models: a shard of theirs is no stranger. */
  siblings?: readonly string[] | undefined;
  version: string;
  log: FleetLog;
  latencies: Latencies;
  /** Shared by all shards of a fleet. */
  dials: Dials;
  /** Absent: shards are taken at their word. */
  proof?: Proof | undefined;
  pace: Pace;
  /** Some expert that it held has nobody else: a ban would hurt more than it helps. */
  isNeeded: (shard: Shard) => boolean;
  /** What it holds, or whether it can be called, has changed. */
  onChange: () => void;
  /** Which units of `holdings` would be lost if the shard left service. */
  lostWithout: (shard: Shard, holdings: readonly HoldingRange[]) => Pick<LeaveView, 'alone' | 'contested'>;
}

/** A shard that was told that it may leave says within this time that it does, or that it stays. Milliseconds. */
const leaveHoldsMs = 15_000;

export class Shard {
  readonly address: string;
  readonly counters = noCounters();
  readonly #options: ShardOptions;
  readonly #closing = new AbortController();
  readonly #timing: Timing;
  readonly #conduct = new Conduct();
  readonly #responses: Responses;
  readonly #trial: Trial;
  #state: ShardState = 'away';
  #since = Date.now();
  #link: Link | undefined;
  #lastHeld: readonly HoldingRange[] = [];
  #inFlight = 0;
  #telling: Telling | undefined;
  #lastLogged = '';
  #connections = 0;
  /** On the clock of `performance.now()`. */
  #mayLeaveUntil = 0;
  #responsesLook: NodeJS.Timeout | undefined;

  /** Connects at once, and again whenever the connection is lost, until it is closed. */
  constructor(options: ShardOptions) {
    this.address = options.member.address;
    this.#options = options;
    this.#timing = new Timing(options.latencies);
    this.#responses = new Responses(options.pace.silentMs);
    this.#trial = new Trial({
      // What runs in this very process is checked where it is loaded.
      proof: this.#isHere ? undefined : options.proof,
      anyAnswer: this.#isHere ? undefined : anyAnswer(options.model.hidden),
      pace: options.pace,
      conduct: this.#conduct,
      counters: this.counters,
      responses: this.#responses,
      isNeeded: () => options.isNeeded(this),
      now: () => ({ state: this.#state, link: this.#link }),
      move: (event) => this.#move(event),
      onProven: options.onChange,
      log: (level, message) => this.#log(level, message),
      pause: (ms) => this.#pause(ms),
      signal: this.#closing.signal,
    });
    void this.#stayConnected();
  }

  get state(): ShardState {
    return this.#state;
  }

  /** When it came into its state; milliseconds since the epoch. */
  get since(): number {
    return this.#since;
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

  /** Memory of its process; undefined while it is away, or if it does not say. */
  get residentBytes(): number | undefined {
    return this.#link?.residentBytes;
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
    const ended = this.#begin(kindOf(options), startedAt);
    try {
      if (this.#link === undefined) throw new RpcError('unavailable', 'not connected');
      const answer = await this.#link.run(request, options);
      counters.bytesReceived += answer.rows.byteLength;
      this.#timing.learn(startedAt, options.bulk === true);
      this.#responses.answered(kindOf(options), performance.now());
      return answer;
    } catch (cause) {
      const error = toRpcError(cause);
      if (error.code !== 'cancelled') counters.failures++;
      this.#timing.learnFailure(error, startedAt, options.bulk === true);
      if (options.deadlineMs > 0) this.#noteUnanswered(error, startedAt, options);
      throw named(this.address, error);
    } finally {
      ended();
      this.#inFlight--;
    }
  }

  /**
   * A call is late and another shard has answered. Whether it is to be left running all the same: it tells whether the shard
   * answers at all.
   */
  watches(bulk: boolean): boolean {
    return !this.#isHere && this.#responses.givenUp(kindOf({ bulk }));
  }

  /** The call that was left running has ended. */
  watched(bulk: boolean): void {
    this.#responses.watched(kindOf({ bulk }));
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
    if (!this.#isHere) this.#trial.accuse(reason, suspects);
  }

  /** It failed a call, or gave a number that is not finite: it may be to blame. */
  suspect(reason: string, suspects: readonly Unit[]): void {
    if (!this.#isHere) this.#trial.suspect(reason, suspects);
  }

  /** Tells it which placement is acted on, and brings it a newer one than it follows, each once. */
  tellPlacement(acted: PlacementId, newer: SignedPlacement | undefined): void {
    this.#telling?.tell(acted, newer);
  }

  /** It was told that it may leave service, and has not said yet what it does: it is none to rely on. */
  get mayLeave(): boolean {
    return performance.now() < this.#mayLeaveUntil;
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
        const link = await this.#dial(failures);
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
          : reconnectDelayMs(++failures, Math.random(), this.#options.dials.longestMs);
      }
      await this.#pause(waitMs);
    }
    this.#options.dials.note(this, true); // nobody waits for it any more
  }

  async #dial(failures: number): Promise<Link> {
    const { dials } = this.#options;
    const leave = await dials.enter(failures);
    let reached = false;
    try {
      const link = await openLink({
        ...this.#options,
        signal: this.#closing.signal,
        onChange: () => this.#changed(),
        onMayLeave: (holdings) => this.#considerLeaving(holdings),
        onStays: () => {
          this.#mayLeaveUntil = 0;
        },
      });
      reached = true;
      return link;
    } finally {
      dials.note(this, reached || this.#closing.signal.aborted);
      leave();
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
    this.#telling = this.#tellingFor(link);
    this.#options.onChange();
    const { numericsClass, standby } = link.offer;
    this.#log('info', `is connected${standby === true ? ' as standby' : ''}: ${numericsClass}`);
    this.#trial.begin(link);
    if (link.draining) this.#move('leaving');
  }

  /** In this very thread: there is no other machine to blame, nobody to ask instead, and nothing moves. */
  get #isHere(): boolean {
    return this.#options.member.run !== undefined;
  }

  /** While calls are under way, looks again and again whether they wait too long. */
  #begin(kind: CallKind, sentAt: number): () => void {
    if (this.#isHere) return () => {};
    this.#responsesLook ??= setTimeout(
      () => this.#lookAtResponses(),
      this.#options.pace.silentMs / 4,
    ).unref();
    return this.#responses.begin(kind, sentAt);
  }

  #lookAtResponses(): void {
    this.#responsesLook = undefined;
    if (!this.#responses.anyOpen || this.#closing.signal.aborted) return;
    this.#responsesLook = setTimeout(() => this.#lookAtResponses(), this.#options.pace.silentMs / 4).unref();
    const why = this.#state === 'available' ? this.#responses.overdue(performance.now()) : undefined;
    if (why !== undefined) this.#trial.unanswered(why);
  }

  #noteUnanswered({ code }: RpcError, sentAt: number, options: CallOptions): void {
    if (this.#isHere) return;
    if (code === 'deadline') this.counters.timeouts++;
    if (this.#state !== 'available') return;
    const why = this.#responses.unanswered({ kind: kindOf(options), code, sentAt, now: performance.now() });
    if (why !== undefined) this.#trial.unanswered(why);
  }

  #tellingFor(link: Link): Telling | undefined {
    const { model, onChange } = this.#options;
    if (this.#isHere) return undefined;
    const telling = new Telling({
      link,
      model: model.identity,
      log: (level, message) => this.#log(level, message),
      pause: (ms) => this.#pause(ms),
      isOpen: () => this.#link === link && !this.#closing.signal.aborted,
      onUntold: () => {
        if (this.#link === link) onChange();
      },
    });
    void telling.repeat();
    return telling;
  }

  #considerLeaving(holdings: readonly HoldingRange[]): Pick<LeaveView, 'alone' | 'contested'> {
    const view = this.#options.lostWithout(this, holdings);
    this.#mayLeaveUntil = view.alone.length === 0 ? performance.now() + leaveHoldsMs : 0;
    return view;
  }

  /** Whether it had said that it would leave. */
  #lose(message: string): boolean {
    this.#lastHeld = this.#link?.holdings ?? this.#lastHeld;
    this.#link = undefined;
    this.#telling = undefined;
    this.#mayLeaveUntil = 0;
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
    this.#since = Date.now();
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

function kindOf({ bulk }: Pick<CallOptions, 'bulk'>): CallKind {
  return bulk === true ? 'bulk' : 'decode';
}

function named(address: string, cause: RpcError): RpcError {
  const { code, message, retryAfterMs } = cause;
  const text = `shard ${address}: ${message}`;
  return new RpcError(code, text, retryAfterMs === undefined ? { cause } : { cause, retryAfterMs });
}
