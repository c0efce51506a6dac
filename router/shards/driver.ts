// Runs the lifecycle of one shard: owns its connection and timers, feeds events to lifecycle.ts, and carries out the returned
// actions. Never chooses between shards.
import { setTimeout as delay } from 'node:timers/promises';
import type { HoldingRange } from '../../experts/runs.ts';
import type { LeaveView } from '../../experts/wire/leave.ts';
import type { ModelOffer } from '../../experts/wire/model.ts';
import { RpcError, toRpcError } from '../../rpc/errors.ts';
import type { Latencies } from '../delivery/timing.ts';
import { Calls } from './calls.ts';
import type { Dials } from './dials.ts';
import { anyAnswer, type CheckOutcome, type Goldens, goldenChecks } from './golden-checks.ts';
import {
  type Action,
  type Check,
  type Life,
  newLife,
  type ShardEvent,
  type ShardState,
  type Unreached,
} from './life.ts';
import { lifecycle } from './lifecycle.ts';
import { type Link, type LinkOptions, openLink, ServesSiblings } from './link.ts';
import type { Pace } from './pace.ts';
import { PlacementMessages } from './placement-messages.ts';
import { noCounters } from './shard-counters.ts';
import { sampleUnits } from './units.ts';

export type FleetLog = (level: 'info' | 'warn', message: string) => void;

export interface DriverOptions extends Pick<LinkOptions, 'member' | 'model' | 'siblings' | 'version'> {
  log: FleetLog;
  /** Undefined: every shard is near. */
  zone?: string | undefined;
  latenciesOf: (shard: Driver) => Latencies;
  /** Shared by all shards of a fleet. */
  dials: Dials;
  /** Absent: shards are trusted without golden checks. */
  goldens?: Goldens | undefined;
  pace: Pace;
  /** True if some unit of `lastHeld` has no replica left. Bans and rests of a shard that is needed are short. */
  isNeeded: (lastHeld: readonly HoldingRange[]) => boolean;
  /** Called after a change of the shard's holdings, or of whether it can be called. */
  onChange: () => void;
  /** Finds the units of `holdings` that would be lost if the shard left service. */
  lostWithout: (shard: Driver, holdings: readonly HoldingRange[]) => Pick<LeaveView, 'alone' | 'contested'>;
}

/** How long a shard that was allowed to leave counts as leaving if it sends no further message. */
const LEAVE_HOLDS_MS = 15_000;

export class Driver {
  readonly address: string;
  readonly counters = noCounters();
  readonly calls: Calls;
  readonly #options: DriverOptions;
  readonly #closing = new AbortController();
  #life: Life;
  #since = Date.now();
  /** Undefined while the shard is not connected. */
  protected link: Link | undefined;
  #lastHeld: readonly HoldingRange[] = [];
  /** As it was last told. Undefined for a shard that names none, and before the first connection. */
  zone: string | undefined;
  /** Undefined while the shard is not connected, and for a shard in this thread or in another zone. */
  protected placementMessages: PlacementMessages | undefined;
  #lastLogged = '';
  /** When `mayLeave` ends, on the clock of `performance.now()`. */
  #mayLeaveUntil = 0;
  /** Fires at the lifecycle's next event `time`, or at the next attempt to connect. */
  #timer: NodeJS.Timeout | undefined;
  /** Number of the current validation. Golden checks of earlier validations end when a new one begins. */
  #validations = 0;

  /** Connects at once, and reconnects whenever the connection is lost, until the driver is closed. */
  constructor(options: DriverOptions) {
    const { member, pace } = options;
    this.address = member.address;
    this.#options = options;
    this.#life = newLife(pace);
    this.calls = new Calls({
      address: this.address,
      counters: this.counters,
      latencies: () => this.latencies,
      silentMs: pace.silentMs,
      isRemote: !this.isHere,
      isAvailable: () => this.state === 'available',
      onUnanswered: (reason) => this.feed({ type: 'unanswered', reason }),
    });
    void this.#dial();
  }

  get state(): ShardState {
    return this.#life.state;
  }

  /** When the shard entered its state, in milliseconds since 1970. */
  get since(): number {
    return this.#since;
  }

  get standby(): boolean {
    return this.link?.offer.standby === true;
  }

  /** The units that the shard holds, or held when it was last connected. */
  get lastHeld(): readonly HoldingRange[] {
    return this.link?.holdings ?? this.#lastHeld;
  }

  /** True for a shard that was allowed to leave and has not said yet whether it leaves. Its replicas must not be relied on. */
  get mayLeave(): boolean {
    return performance.now() < this.#mayLeaveUntil;
  }

  /** True if the shard runs in this thread. Such a shard cannot be late or lost, and gets no placements. */
  get isHere(): boolean {
    return this.#options.member.run !== undefined;
  }

  /** False if the shard is in another zone than the gateway. A shard that names no zone is near. */
  get isNear(): boolean {
    const { zone } = this.#options;
    return zone === undefined || this.zone === undefined || this.zone === zone;
  }

  /** Times of calls to shards that are as far away as this one. */
  get latencies(): Latencies {
    return this.#options.latenciesOf(this);
  }

  /** Rejects the calls in flight. */
  close(): void {
    this.#closing.abort();
    this.#hangUp();
    this.calls.close();
    this.feed({ type: 'removed' });
    clearTimeout(this.#timer);
    this.#options.dials.note(this, true); // a closed shard does not count as down
  }

  protected feed(event: ShardEvent): void {
    const { life, actions } = lifecycle(this.#life, event, performance.now());
    if (life.state !== this.#life.state) this.#since = Date.now();
    this.#life = life;
    for (const action of actions) (this.#acts[action.do] as (action: Action) => void)(action);
  }

  readonly #acts: { [D in Action['do']]: (action: Extract<Action, { do: D }>) => void } = {
    log: ({ level, message }) => this.log(level, message),
    count: ({ what }) => void this.counters[what]++,
    tell: () => this.#options.onChange(),
    dial: ({ afterMs }) => this.#later(afterMs, () => void this.#dial()),
    hangUp: () => this.#hangUp(),
    wake: ({ afterMs }) => (afterMs === 0 ? this.#feedTime() : this.#later(afterMs, () => this.#feedTime())),
    check: (action) => void this.#check(action),
    forgetCalls: () => this.calls.forget(),
  };

  #later(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms).unref();
  }

  #feedTime(): void {
    this.feed({ type: 'time', needed: this.#options.isNeeded(this.lastHeld), random: Math.random() });
  }

  #hangUp(): void {
    this.link?.transport.close();
    this.link = undefined;
  }

  async #dial(): Promise<void> {
    if (this.state === 'retired') return;
    const { dials } = this.#options;
    const leave = await dials.enter(this.#life.failures);
    const link = await this.#openLink().catch(toRpcError);
    const { aborted } = this.#closing.signal;
    dials.note(this, aborted || !(link instanceof RpcError));
    leave();
    if (!(link instanceof RpcError)) return this.#use(link);
    if (aborted) return;
    const { message } = link;
    const { longestMs } = dials;
    this.feed({ type: 'unreached', why: whyUnreached(link), message, random: Math.random(), longestMs });
  }

  #openLink(): Promise<Link> {
    return openLink({
      ...this.#options,
      signal: this.#closing.signal,
      onChange: () => {
        if (this.link?.draining) this.feed({ type: 'leaving' });
        this.#options.onChange();
      },
      onMayLeave: (holdings) => {
        const view = this.#options.lostWithout(this, holdings);
        this.#mayLeaveUntil = view.alone.length === 0 ? performance.now() + LEAVE_HOLDS_MS : 0;
        return view;
      },
      onStays: () => {
        this.#mayLeaveUntil = 0;
      },
    });
  }

  #use(link: Link): void {
    const { instance, offer } = link;
    const { numericsClass, standby = false } = offer;
    this.link = link;
    this.zone = link.zone;
    this.placementMessages = this.isHere || !this.isNear ? undefined : this.#messagesOver(link);
    const peer = { instance, check: this.#checkOf(offer), numericsClass, standby };
    this.feed({ type: 'connected', peer });
    if (this.link !== link) return; // the shard is no longer a member
    void link.lost.then(({ message }) => this.#lose(link, message));
    if (link.draining) this.feed({ type: 'leaving' });
  }

  #lose(link: Link, message: string): void {
    if (this.link !== link) return;
    this.#lastHeld = link.holdings;
    this.link = undefined;
    this.placementMessages = undefined;
    this.#mayLeaveUntil = 0;
    this.feed({ type: 'lost', message, random: Math.random() });
  }

  /** Without golden rows there is nothing to ask a shard in this thread, because it always answers. */
  #checkOf(offer: ModelOffer): Check {
    if (this.#options.goldens?.covers(offer) === true) return 'golden';
    return this.isHere ? 'none' : 'any';
  }

  async #check({ check, suspects, sample }: Extract<Action, { do: 'check' }>): Promise<void> {
    const { pace, model, goldens } = this.#options;
    const link = this.link;
    if (link === undefined) return;
    const validation = ++this.#validations;
    const outcomes = goldenChecks({
      goldens: (check === 'golden' ? goldens : undefined) ?? anyAnswer(model.hidden),
      link,
      first: [...suspects, ...sampleUnits(link.holdings, sample, Math.random())],
      pace,
      pause: (ms) => this.#pause(ms),
      goesOn: () => this.link === link && this.#validations === validation && isChecked.has(this.state),
      onAsk: (units) => {
        if (check === 'golden') this.counters.goldenRows += units;
      },
      signal: this.#closing.signal,
    });
    for await (const outcome of outcomes) this.#judge(outcome);
  }

  #judge(outcome: CheckOutcome): void {
    if (outcome.is === 'wrong') {
      const reason = `a golden row was answered wrongly: ${outcome.fault}`;
      this.feed({ type: 'wrong', reason, suspects: outcome.units });
    } else if (outcome.is === 'unanswered') this.calls.unanswered('golden', outcome.error, outcome.sentAt);
    else {
      // A shard is trusted if this gateway cannot read the golden rows.
      if (outcome.is === 'unable') this.log('warn', `cannot be checked: ${outcome.message}`);
      this.calls.answered('golden');
      this.feed({ type: 'passed' });
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    await delay(ms, undefined, { signal, ref: false }).catch(() => signal.aborted); // closing ends the wait
  }

  #messagesOver(link: Link): PlacementMessages {
    return new PlacementMessages({
      link,
      model: this.#options.model.identity,
      log: (level, message) => this.log(level, message),
      pause: (ms) => this.#pause(ms),
      isOpen: () => this.link === link,
      onFailure: this.#options.onChange,
    });
  }

  /** Leaves out a message that repeats the last one. */
  protected log(level: 'info' | 'warn', message: string): void {
    if (message === this.#lastLogged || this.#closing.signal.aborted) return;
    this.#lastLogged = message;
    this.#options.log(level, `shard ${this.address} ${message}`);
  }
}

/** States in which golden checks continue. */
const isChecked: ReadonlySet<ShardState> = new Set(['validating', 'available']);

function whyUnreached(error: RpcError): Unreached {
  if (error instanceof ServesSiblings) return 'sibling';
  return error.code === 'incompatible' || error.code === 'unproven' ? 'misfit' : 'silent';
}
