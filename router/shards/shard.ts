// One shard as the gateway sees it: what it can be called for, how it fares, and calls to it. Knows rows of floats; no
// sockets, no choice between shards.
import { setTimeout as delay } from 'node:timers/promises';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import type { PlacementId } from '../../experts/placing/placement-id.ts';
import type { HoldingRange } from '../../experts/runs.ts';
import type { LeaveView, ModelOffer, RunAnswer, RunRequest } from '../../experts/wire.ts';
import type { CallOptions } from '../../rpc/transport.ts';
import { Driver, type DriverOptions } from './driver.ts';
import type { ShardState } from './life.ts';
import type { ShardCounters } from './shard-counters.ts';
import type { Unit } from './units.ts';

export interface ShardOptions extends Omit<DriverOptions, 'isNeeded' | 'lostWithout'> {
  /** Some unit that it held has no other holder: to leave it alone would hurt more than it helps. */
  isNeeded: (shard: Shard) => boolean;
  /** Which units of `holdings` would be lost if the shard left service. */
  lostWithout: (shard: Shard, holdings: readonly HoldingRange[]) => Pick<LeaveView, 'alone' | 'contested'>;
}

export class Shard {
  readonly address: string;
  readonly counters: ShardCounters;
  readonly #driver: Driver;

  /** Connects at once, and again whenever the connection is lost, until it is closed. */
  constructor(options: ShardOptions) {
    this.address = options.member.address;
    this.#driver = new Driver({
      ...options,
      isNeeded: () => options.isNeeded(this),
      lostWithout: (holdings) => options.lostWithout(this, holdings),
    });
    this.counters = this.#driver.counters;
  }

  get state(): ShardState {
    return this.#driver.state;
  }

  /** When it came into its state; milliseconds since the epoch. */
  get since(): number {
    return this.#driver.since;
  }

  get connected(): boolean {
    return this.#driver.link !== undefined;
  }

  get inFlight(): number {
    return this.#driver.calls.inFlight;
  }

  get offer(): ModelOffer | undefined {
    return this.#driver.link?.offer;
  }

  get numericsClass(): string | undefined {
    return this.offer?.numericsClass;
  }

  /** Names all that decides the bits of its answers: how it computes, and with which bytes. */
  get bitsOf(): string | undefined {
    const { numericsClass, content } = this.offer ?? {};
    return numericsClass && `${numericsClass} ${content}`;
  }

  get standby(): boolean {
    return this.offer?.standby === true;
  }

  /** What placements call it. */
  get name(): string | undefined {
    return this.#driver.link?.name;
  }

  /** Memory of its process; undefined while it is away, or if it does not say. */
  get residentBytes(): number | undefined {
    return this.#driver.link?.residentBytes;
  }

  /** The placement that it follows. */
  get placement(): SignedPlacement | undefined {
    return this.#driver.link?.placement;
  }

  /** What it can be called for now: nothing while it is away, leaving or not trusted. */
  get holdings(): readonly HoldingRange[] {
    return this.state === 'available' ? this.lastHeld : [];
  }

  /** What it holds, or held when it was last connected. */
  get lastHeld(): readonly HoldingRange[] {
    return this.#driver.lastHeld;
  }

  /** What one frame to it may hold. */
  get limits(): { rows: number; asks: number } {
    return this.#driver.link?.limits ?? { rows: 1, asks: 1 };
  }

  /** Milliseconds that one more call is expected to take. */
  cost(): number {
    return this.#driver.calls.cost();
  }

  run(request: RunRequest, options: CallOptions): Promise<RunAnswer> {
    return this.#driver.calls.run(this.#driver.link, request, options);
  }

  /** A call is late and another shard has answered: whether to leave it running (see `Calls.watches`). */
  watches(bulk: boolean): boolean {
    return this.#driver.calls.watches(bulk);
  }

  /** The call that was left running has ended. */
  watched(bulk: boolean): void {
    this.#driver.calls.watched(bulk);
  }

  /** A call was not answered in a long time: for a second, calls go to other shards if there are any. */
  noteSilence(): void {
    this.#driver.calls.timing.noteSilence();
  }

  get silent(): boolean {
    return this.#driver.calls.timing.silent;
  }

  /** It has answered wrongly: no more calls until its cordon is over and it has passed golden checks. */
  accuse(reason: string, suspects: readonly Unit[] = []): void {
    if (!this.#driver.isHere) this.#driver.feed({ type: 'wrong', reason, suspects });
  }

  /** It failed a call, or gave a number that is not finite: it may be to blame. */
  suspect(reason: string, suspects: readonly Unit[]): void {
    if (!this.#driver.isHere) this.#driver.feed({ type: 'suspected', reason, suspects });
  }

  /** Tells it which placement is acted on, and brings it a newer one than it follows, each once. */
  tellPlacement(acted: PlacementId, newer: SignedPlacement | undefined): void {
    this.#driver.telling?.tell(acted, newer);
  }

  /** It was told that it may leave service and has not said yet what it does, so nothing should rely on it. */
  get mayLeave(): boolean {
    return this.#driver.mayLeave;
  }

  /** Takes no new calls from here on; closes, and resolves, once those in flight have ended. */
  async retire(): Promise<void> {
    if (this.state === 'retired') return;
    this.#driver.feed({ type: 'removed' });
    this.#driver.log('info', 'is no longer a member');
    while (this.inFlight > 0) await delay(20, undefined, { ref: false });
    this.close();
  }

  /** Rejects what is in flight. */
  close(): void {
    this.#driver.close();
  }
}
