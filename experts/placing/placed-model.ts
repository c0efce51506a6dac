// Moves one model of a shard from what it holds to what its placement wants. Missing units are loaded and announced; surplus
// units are unloaded once no gateway acts on an earlier placement. Knows no sockets, no disk and no device.
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { RpcError } from '../../rpc/errors.ts';
import type { ModelOffer } from '../wire.ts';
import { Adoptions } from './adoptions.ts';
import { difference } from './difference.ts';
import { KeptState, type PlacedState } from './kept-state.ts';
import { LoadLine } from './load-line.ts';
import { Pause } from './pause.ts';
import { type Applied, type SignedPlacement, unitsOf } from './placement-file.ts';
import { epochFault, formatId, idOf, type PlacementId } from './placement-id.ts';
import { judgePlacement } from './take-rule.ts';

/** The experts of one model while they move. Whoever changes them tells the gateways. */
export interface Placeable {
  /** As hello states it. */
  readonly offer: ModelOffer;
  follow(placement: SignedPlacement | undefined): void;
  /** The device has loaded the units: calls may name them from now on. */
  add(units: readonly Unit[]): void;
  /** Calls may no longer name the units; resolves when no call that names them is in flight. */
  remove(units: readonly Unit[]): Promise<void>;
}

export interface PlacedModelOptions {
  /** Name of the shard in placements. */
  name: string;
  /** Loads a unit onto the device and runs its golden check. Rejects if its bytes or answers are wrong. */
  load: (unit: Unit) => Promise<void>;
  /** Called when no call that names the units is in flight. */
  unload: (units: readonly Unit[]) => Promise<void>;
  service: Placeable;
  /** Called before anything moves; resolves when the state outlasts a crash. */
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
  /** Of the placement that it follows; absent if it follows none, or runs an older release. */
  hash?: string;
  /** Who applied that placement, if it is known. */
  applied?: Applied;
  /** As `formatHoldings` writes it. */
  holdings: string;
  /** Units that the placement wants and that are not loaded. */
  missing: number;
  /** Units held that it does not want. */
  surplus: number;
}

/** Units that are announced together, because gateways read all holdings anew after each announcement. */
const TOLD_AT_ONCE = 32;
/** The pause after each unit is this many times the unit's own time, so that a move takes a fifth of a core. */
const IDLE_SHARE = 4;
const LONGEST_IDLE_MS = 100;
/** Wait after a state could not be saved; doubles up to the longest. */
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;
/** How often to look whether surplus units may be unloaded: some reasons to keep them end with time alone. */
const LOOK_AGAIN_MS = 1_000;

export class PlacedModel {
  readonly #adoptions = new Adoptions();
  readonly #options: PlacedModelOptions;
  readonly #shape: ModelOffer;
  readonly #kept: KeptState;
  readonly #stopping = new AbortController();
  /** Of a move: ends when a gateway speaks or leaves, a placement arrives, or all stops. */
  readonly #pause = new Pause();
  #placement: SignedPlacement | undefined;
  /** Placements are taken one after another, and so are moves. */
  #taking: Promise<void> = Promise.resolve();
  #moving: Promise<void> = Promise.resolve();

  constructor(options: PlacedModelOptions) {
    const { service, save } = options;
    this.#options = options;
    this.#shape = service.offer;
    this.#kept = new KeptState({ shape: this.#shape, save });
  }

  /** Continues with the placement that was kept. */
  resume(placement: SignedPlacement): void {
    const { log } = this.#options;
    try {
      const fault = epochFault(placement.epoch, undefined);
      if (fault !== undefined) throw new Error(fault);
      this.#wanted(placement);
    } catch (error) {
      log('warn', `the placement that was kept is not followed: ${errorText(error)}`);
      return;
    }
    this.#kept.placement = placement;
    this.#follow(placement);
    const { missing, surplus } = this.#difference();
    if (missing.length + surplus.length > 0) this.#start();
  }

  get units(): Unit[] {
    return this.#kept.units;
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
      holdings: this.#kept.text,
      missing: missing.length,
      surplus: surplus.length,
    };
  }

  /**
   * Resolves when the placement is saved; the move then runs by itself and replaces a move in progress. Rejects if the
   * placement is outdated, was planned `from` a placement older than the one followed, or does not name this shard.
   */
  place(placement: SignedPlacement, from?: PlacementId): Promise<void> {
    const taken = this.#taking.then(() => this.#take(placement, from));
    this.#taking = taken.catch(() => {}); // the caller has received this error
    return taken;
  }

  /** The gateway at the other end of `connection` acts on this placement until the connection ends. */
  adopted(connection: AbortSignal, placement: PlacementId): void {
    if (connection.aborted) return;
    const leave = () => {
      this.#adoptions.leave(connection);
      this.#pause.end();
    };
    if (!this.#adoptions.knows(connection)) connection.addEventListener('abort', leave, { once: true });
    this.#adoptions.say(connection, placement, performance.now());
    this.#pause.end();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#pause.end();
    await this.#moving;
  }

  async #take(placement: SignedPlacement, from: PlacementId | undefined): Promise<void> {
    const { name, log } = this.#options;
    const verdict = judgePlacement({ placement, follows: this.#placement, from });
    if (verdict.kind === 'known') return;
    if (verdict.kind === 'refused') throw new RpcError(verdict.code, verdict.message);
    for (const shard of Object.keys(placement.shards)) readUnits(placement, shard, this.#shape);
    const wanted = this.#wanted(placement);
    this.#kept.placement = placement;
    await this.#kept.save().catch((error) => {
      this.#kept.placement = this.#placement;
      throw error;
    });
    this.#follow(placement);
    log('info', `follows placement ${formatId(idOf(placement))}: ${wanted.length} experts for ${name}`);
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
    this.#pause.end(); // a move that waits gives way
    this.#moving = this.#moving
      .then(() => this.#move())
      .catch((error: Error) =>
        this.#options.log('warn', `the move to a placement has ended early: ${error.message}`),
      );
  }

  async #move(): Promise<void> {
    const { service, unload, log } = this.#options;
    const placement = this.#placement;
    const isCurrent = () => this.#placement === placement && !this.#stopping.signal.aborted;
    if (placement === undefined || !isCurrent()) return;
    await this.#loadMissing(isCurrent);
    const { surplus } = this.#difference();
    while (isCurrent() && surplus.length > 0 && !this.#adoptions.reached(performance.now()))
      await this.#pause.wait(LOOK_AGAIN_MS);
    if (!isCurrent()) return;
    this.#kept.remove(surplus);
    const gone = service.remove(surplus);
    this.#tell();
    // Saved before the units are unloaded, so that a shard killed in between does not start with them. No call may name them
    // by now. A placement that arrives meanwhile waits for this, and loads again what it wants.
    if (!(await this.#saveAtLast(() => !this.#stopping.signal.aborted))) return;
    await gone;
    // One by one: unloading all at once would block the thread for longer than a step.
    for (const unit of surplus) await this.#paced(() => unload([unit]));
    log('info', `holds what placement ${formatId(idOf(placement))} wants: ${this.#kept.size} experts`);
  }

  async #loadMissing(isCurrent: () => boolean): Promise<void> {
    const { load, log } = this.#options;
    const line = new LoadLine(this.#difference().missing);
    let saved = true;
    while (isCurrent()) {
      const turn = line.next(performance.now());
      if (turn === undefined) break;
      const { next, inMs } = turn;
      if (inMs > 0) {
        saved = await this.#announce(saved); // loaded units do not wait for those that failed
        await this.#pause.wait(inMs);
        continue;
      }
      try {
        await this.#paced(() => load(next.unit));
        line.loaded(next);
        this.#kept.arrive(next.unit);
      } catch (error) {
        const waitMs = line.failed(next, performance.now());
        log('warn', `${errorText(error)}; trying again in ${waitMs} ms, after the others`);
      }
      if (this.#kept.arrived >= TOLD_AT_ONCE) saved = await this.#announce(saved);
    }
    saved = await this.#announce(saved);
    if (!saved) await this.#saveAtLast(isCurrent);
  }

  /** Announces what has been loaded. Returns whether the last state is saved: `saved` if there is nothing new. */
  async #announce(saved: boolean): Promise<boolean> {
    if (this.#kept.arrived === 0) return saved;
    const { service, log } = this.#options;
    // Saved before it is announced: other shards unload what this one announces, so a restart must begin with it. But a full
    // disk is no reason not to serve what is loaded.
    const failure = await this.#kept.save().then(() => undefined, errorText);
    if (failure !== undefined)
      log('warn', `the holdings cannot be saved: ${failure}; they are served all the same`);
    service.add(this.#kept.announce());
    this.#tell();
    return failure === undefined;
  }

  /** Retries until the state is saved; false if it need not be any more. */
  async #saveAtLast(isWanted: () => boolean): Promise<boolean> {
    for (let waitMs = FIRST_RETRY_MS; isWanted(); waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS)) {
      try {
        await this.#kept.save();
        return true;
      } catch (error) {
        const reason = `the holdings cannot be saved: ${errorText(error)}`;
        this.#options.log('warn', `${reason}; trying again in ${waitMs} ms`);
        await this.#pause.wait(waitMs);
      }
    }
    return false;
  }

  /** Leaves most of the core to calls: a move has no hurry. */
  async #paced(act: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await act();
    if (this.#stopping.signal.aborted) return;
    await delay(Math.min(IDLE_SHARE * (performance.now() - startedAt), LONGEST_IDLE_MS));
  }

  #tell(): void {
    const { onChange, service } = this.#options;
    onChange('holdings', service.offer);
  }

  #difference() {
    const held = this.#kept.units;
    return difference(held, this.#placement ? this.#wanted(this.#placement) : held, this.#shape);
  }

  #wanted(placement: SignedPlacement): Unit[] {
    const { name } = this.#options;
    const units = unitsOf(placement, name, this.#shape);
    if (units !== undefined) return units;
    const named = Object.keys(placement.shards).join(', ');
    throw new RpcError('invalid', `placement ${placement.epoch} names ${named}; this shard is ${name}`);
  }
}

/** Reads what any of the named shards is to hold, because gateways read all of them. */
function readUnits(placement: SignedPlacement, name: string, shape: ModelOffer): void {
  try {
    unitsOf(placement, name, shape);
  } catch (cause) {
    throw new RpcError('invalid', errorText(cause), { cause });
  }
}
