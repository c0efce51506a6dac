// One model's way from what a shard holds to what its placement wants: what is missing is loaded and told, the rest is let
// go once no gateway acts on an earlier placement. Knows no sockets, no disk and no device.

import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { RpcError } from '../../rpc/errors.ts';
import { formatHoldings, Holdings } from '../holdings.ts';
import type { ModelOffer } from '../wire.ts';
import { Adoptions } from './adoptions.ts';
import { difference } from './difference.ts';
import { LoadLine } from './load-line.ts';
import { type Applied, type SignedPlacement, unitsOf } from './placement-file.ts';
import { epochFault, formatId, idOf, type PlacementId } from './placement-id.ts';
import { judgePlacement } from './take-rule.ts';

/** Enough to be where it was after it was killed. */
export interface PlacedState {
  placement: SignedPlacement | undefined;
  /** As `formatHoldings` gives it. */
  held: string;
}

/** The experts of one model while they move. Gateways are told of changes by whoever makes them. */
export interface Placeable {
  /** As hello tells it. */
  readonly offer: ModelOffer;
  follow(placement: SignedPlacement | undefined): void;
  /** The device has loaded the units: they may be asked for. */
  add(units: readonly Unit[]): void;
  /** They may not be asked for any more; resolves once nothing of them is under way. */
  remove(units: readonly Unit[]): Promise<void>;
}

export interface PlacedModelOptions {
  /** What placements call the shard. */
  name: () => string;
  /** Readies a unit and proves it: afterwards the device runs it. Rejects where its bytes or answers are wrong. */
  load: (unit: Unit) => Promise<void>;
  /** Nothing of them is under way. */
  unload: (units: readonly Unit[]) => Promise<void>;
  service: Placeable;
  /** Kept before anything moves; resolves when it outlasts a crash. */
  save: (state: PlacedState) => Promise<void>;
  /** Holdings or placement have changed: every gateway is told. */
  onChange: (what: 'holdings' | 'placement', offer: ModelOffer) => void;
  log: (level: 'info' | 'warn', message: string) => void;
}

/** How far a shard is with one model's placement. */
export interface PlacedReport {
  /** Identity. */
  model: string;
  /** 0: it follows no placement. */
  epoch: number;
  /** Of the placement that it follows; absent if it follows none, or is of an older release. */
  hash?: string;
  /** By whom that placement was applied, if that is known. */
  applied?: Applied;
  /** As `formatHoldings` gives it. */
  holdings: string;
  /** Units that the placement wants and that are not loaded. */
  missing: number;
  /** Units held that it does not want. */
  surplus: number;
}

/** Units told of together: gateways look at all holdings anew after each word of it. */
const TOLD_AT_ONCE = 32;
/** After each unit, so many times as long as it took, the cores are left to others: a move takes a fifth of one. */
const IDLE_SHARE = 4;
const LONGEST_IDLE = 100;
/** After a state that could not be saved; doubles. Milliseconds. */
const FIRST_RETRY = 200;
const LONGEST_RETRY = 5_000;
/** While something is to be let go: what holds it back may do so for a time only. Milliseconds. */
const LOOK_AGAIN = 1_000;

export class PlacedModel {
  readonly #adoptions = new Adoptions();
  readonly #options: PlacedModelOptions;
  readonly #shape: ModelOffer;
  readonly #held: Holdings;
  readonly #stopping = new AbortController();
  #placement: SignedPlacement | undefined;
  /** What is saved: a new one before it is followed. */
  #kept: SignedPlacement | undefined;
  /** Placements are taken one after another, and so are moves. */
  #taking: Promise<void> = Promise.resolve();
  #moving: Promise<void> = Promise.resolve();
  /** Loaded, and not told yet. */
  #arrived: Unit[] = [];
  #wake: () => void = () => {};

  constructor(options: PlacedModelOptions) {
    const { service } = options;
    this.#options = options;
    this.#shape = service.offer;
    this.#held = new Holdings(this.#shape);
    for (const range of this.#shape.holdings) this.#held.add(range);
  }

  /** Goes on with the placement that was kept; the shard's name is known by now. */
  resume(placement: SignedPlacement): void {
    const { log } = this.#options;
    try {
      const fault = epochFault(placement.epoch, undefined);
      if (fault !== undefined) throw new Error(fault);
      this.#wanted(placement);
    } catch (error) {
      log('warn', `what was kept is not followed: ${reasonOf(error)}`);
      return;
    }
    this.#kept = placement;
    this.#follow(placement);
    const { missing, surplus } = this.#difference();
    if (missing.length + surplus.length > 0) this.#start();
  }

  /** Held at the moment. */
  get units(): Unit[] {
    return this.#held.units();
  }

  get report(): PlacedReport {
    const { missing, surplus } = this.#difference();
    const { epoch, hash } = idOf(this.#placement);
    const { applied } = this.#placement ?? {};
    return {
      model: this.#shape.identity,
      epoch,
      ...(hash !== '' && { hash }),
      ...(applied && { applied }),
      holdings: formatHoldings(this.#held.units(), this.#shape),
      missing: missing.length,
      surplus: surplus.length,
    };
  }

  /**
   * Resolves once the placement is kept; the move goes on by itself, and takes the place of one under way. Rejects if the
   * placement is over, is planned `from` another one than is followed, or does not name this shard.
   */
  place(placement: SignedPlacement, from?: PlacementId): Promise<void> {
    const taken = this.#taking.then(() => this.#take(placement, from));
    this.#taking = taken.catch(() => {}); // the caller has received this error
    return taken;
  }

  /** Whoever is at the other end of `connection` acts on this placement from now on, until it ends. */
  adopted(connection: AbortSignal, placement: PlacementId): void {
    if (connection.aborted) return;
    const leave = () => {
      this.#adoptions.leave(connection);
      this.#wake();
    };
    if (!this.#adoptions.knows(connection)) connection.addEventListener('abort', leave, { once: true });
    this.#adoptions.say(connection, placement, performance.now());
    this.#wake();
  }

  /** Resolves when nothing moves any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#moving;
  }

  async #take(placement: SignedPlacement, from: PlacementId | undefined): Promise<void> {
    const { name, log } = this.#options;
    const verdict = judgePlacement({ placement, follows: this.#placement, from });
    if (verdict.kind === 'known') return;
    if (verdict.kind === 'refused') throw new RpcError(verdict.code, verdict.message);
    for (const shard of Object.keys(placement.shards)) readUnits(placement, shard, this.#shape);
    const wanted = this.#wanted(placement);
    this.#kept = placement;
    await this.#save().catch((error) => {
      this.#kept = this.#placement;
      throw error;
    });
    this.#follow(placement);
    log('info', `follows placement ${formatId(idOf(placement))}: ${wanted.length} experts for ${name()}`);
    this.#start();
  }

  #follow(placement: SignedPlacement): void {
    const { service, onChange } = this.#options;
    this.#placement = placement;
    this.#adoptions.follow(idOf(placement));
    service.follow(placement);
    onChange('placement', service.offer);
  }

  #start(): void {
    this.#wake(); // a move that waits gives way
    this.#moving = this.#moving
      .then(() => this.#move())
      .catch((error: Error) => this.#options.log('warn', `a move has ended early: ${error.message}`));
  }

  async #move(): Promise<void> {
    const { service, unload, log } = this.#options;
    const placement = this.#placement;
    const isCurrent = () => this.#placement === placement && !this.#stopping.signal.aborted;
    if (placement === undefined || !isCurrent()) return;
    await this.#loadMissing(isCurrent);
    const { surplus } = this.#difference();
    while (isCurrent() && surplus.length > 0 && !this.#adoptions.reached(performance.now()))
      await this.#change(LOOK_AGAIN);
    if (!isCurrent()) return;
    for (const { layer, expert } of surplus) this.#held.delete({ layer, expert });
    const gone = service.remove(surplus);
    this.#tell();
    // Saved before the bytes go: a shard that is killed in between does not begin with them again. They are asked for no
    // more by now, so that a placement that comes meanwhile does not end this: it waits, and loads again what it wants.
    if (!(await this.#saveAtLast(() => !this.#stopping.signal.aborted))) return;
    await gone;
    // One by one: all at once would keep the thread from its calls for longer than a step.
    for (const unit of surplus) await this.#paced(() => unload([unit]));
    log('info', `holds what placement ${formatId(idOf(placement))} wants: ${this.#held.size} experts`);
  }

  async #loadMissing(isCurrent: () => boolean): Promise<void> {
    const { service, load, log } = this.#options;
    const line = new LoadLine(this.#difference().missing);
    let kept = true;
    const tell = async () => {
      if (this.#arrived.length === 0) return;
      // Kept before it is told: others let go of what this shard says that it holds, so that a restart must begin with it.
      // A full disk is no reason not to serve what is loaded, though.
      const failure = await this.#save().then(() => undefined, reasonOf);
      kept = failure === undefined;
      if (!kept) log('warn', `what is held cannot be kept: ${failure}; it is served all the same`);
      const told = this.#arrived;
      this.#arrived = [];
      for (const { layer, expert } of told) this.#held.add([layer, expert, expert]);
      service.add(told);
      this.#tell();
    };
    while (isCurrent()) {
      const turn = line.next(performance.now());
      if (turn === undefined) break;
      const { next, inMs } = turn;
      if (inMs > 0) {
        await tell(); // what is loaded does not wait for what cannot be
        await this.#change(inMs);
        continue;
      }
      try {
        await this.#paced(() => load(next.unit));
        line.loaded(next);
        this.#arrived.push(next.unit);
      } catch (error) {
        const waitMs = line.failed(next, performance.now());
        log('warn', `${reasonOf(error)}; it is tried again in ${waitMs} ms, after the others`);
      }
      if (this.#arrived.length >= TOLD_AT_ONCE) await tell();
    }
    await tell();
    if (!kept) await this.#saveAtLast(isCurrent);
  }

  /** Tries again until it is kept; false where it need not be any more. */
  async #saveAtLast(isWanted: () => boolean): Promise<boolean> {
    for (let waitMs = FIRST_RETRY; isWanted(); waitMs = Math.min(2 * waitMs, LONGEST_RETRY)) {
      try {
        await this.#save();
        return true;
      } catch (error) {
        const reason = `what is held cannot be kept: ${reasonOf(error)}`;
        this.#options.log('warn', `${reason}; it is tried again in ${waitMs} ms`);
        await this.#change(waitMs);
      }
    }
    return false;
  }

  /** A move has no hurry; whoever is served has. */
  async #paced(act: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await act();
    if (this.#stopping.signal.aborted) return;
    await delay(Math.min(IDLE_SHARE * (performance.now() - startedAt), LONGEST_IDLE));
  }

  #tell(): void {
    this.#options.onChange('holdings', this.#options.service.offer);
  }

  async #save(): Promise<void> {
    const held = formatHoldings([...this.#held.units(), ...this.#arrived], this.#shape);
    await this.#options.save({ placement: this.#kept, held });
  }

  /** Until a gateway speaks or leaves, a placement comes or all ends, but no longer than `ms`. */
  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #difference() {
    const held = this.#held.units();
    return difference(held, this.#placement ? this.#wanted(this.#placement) : held, this.#shape);
  }

  #wanted(placement: SignedPlacement): Unit[] {
    const name = this.#options.name();
    const units = unitsOf(placement, name, this.#shape);
    if (units !== undefined) return units;
    const named = Object.keys(placement.shards).join(', ');
    throw new RpcError('invalid', `placement ${placement.epoch} names ${named}; this shard is ${name}`);
  }
}

/** All are read, not this shard's alone: gateways read them too. */
function readUnits(placement: SignedPlacement, name: string, shape: ModelOffer): void {
  try {
    unitsOf(placement, name, shape);
  } catch (cause) {
    throw new RpcError('invalid', reasonOf(cause), { cause });
  }
}

function reasonOf(error: unknown): string {
  return errorText(error);
}
