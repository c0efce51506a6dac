// Moves one model of a shard to its placement: loads and announces missing units, and unloads surplus units when `Adoptions` allows.
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { RpcError } from '../../rpc/errors.ts';
import { orInvalid } from '../fields.ts';
import { Holdings } from '../holdings.ts';
import type { ModelOffer } from '../wire/model.ts';
import { Adoptions } from './adoptions.ts';
import { KeptState, type SaveState } from './kept-state.ts';
import { LoadLine } from './load-line.ts';
import { type Applied, type SignedPlacement, unitsOf } from './placement-file.ts';
import { epochFault, formatId, idOf, type PlacementId } from './placement-id.ts';
import { judgePlacement } from './take-rule.ts';

/** The operations of the shard service that a move of one model needs. `PlacedModel` announces each change to the gateways. */
export interface Placeable {
  /** The model's entry in the answer to `hello`. */
  readonly offer: ModelOffer;
  follow(placement: SignedPlacement | undefined): void;
  /** From now on, calls may name the units. The device must have loaded them. */
  add(units: readonly Unit[]): void;
  /** From now on, calls that name the units are refused. Resolves when no call that names them is in flight. */
  remove(units: readonly Unit[]): Promise<void>;
}

interface PlacedModelOptions {
  /** Name of the shard in placements. */
  name: string;
  /** Loads a unit onto the device and runs its golden check. Rejects if its bytes or answers are wrong. */
  load: (unit: Unit) => Promise<void>;
  /** Called when no call that names the units is in flight. */
  unload: (units: readonly Unit[]) => Promise<void>;
  service: Placeable;
  save: SaveState;
  /** Announces changed holdings or a changed placement to every gateway. */
  onChange: (what: 'holdings' | 'placement', offer: ModelOffer) => void;
  log: (level: 'info' | 'warn', message: string) => void;
}

/** Progress of a shard towards the placement of one model. */
export interface PlacedReport {
  model: string;
  /** Epoch of the placement that the shard follows. 0: none. */
  epoch: number;
  /** Hash of this placement. Absent if there is none, or if the shard runs an older release. */
  hash?: string;
  /** The operator who applied this placement, if known. */
  applied?: Applied;
  /** Announced units, as `formatHoldings` writes them. */
  holdings: string;
  /** Number of units that the placement wants and that are not announced. */
  missing: number;
  /** Number of held units that the placement does not want. */
  surplus: number;
}

/** Units are announced in groups of this size, because gateways read all holdings again after each announcement. */
const ANNOUNCED_TOGETHER = 32;
/** After each unit, a move pauses for this multiple of the time that the unit took, and so uses about a fifth of a core. */
const IDLE_SHARE = 4;
const LONGEST_IDLE_MS = 100;
/** Wait before the state is saved again after a failure. It doubles with each failure, up to `LONGEST_RETRY_MS`. */
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;
/** Interval of checks whether surplus units may be unloaded. Some reasons to keep them end after a time, without an event. */
const LOOK_AGAIN_MS = 1_000;

export class PlacedModel {
  readonly #adoptions = new Adoptions();
  readonly #options: PlacedModelOptions;
  readonly #shape: ModelOffer;
  readonly #kept: KeptState;
  readonly #stopping = new AbortController();
  /** Aborted, and then replaced, to end the wait of a move early. */
  #waiting = new AbortController();
  #placement: SignedPlacement | undefined;
  /** Placements are accepted one after another. */
  #taking: Promise<void> = Promise.resolve();
  /** Moves run one after another. */
  #moving: Promise<void> = Promise.resolve();

  constructor(options: PlacedModelOptions) {
    const { service, save } = options;
    this.#options = options;
    this.#shape = service.offer;
    this.#kept = new KeptState(this.#shape, save);
  }

  /** Follows the placement that was saved before a restart, and continues its move. */
  resume(placement: SignedPlacement): void {
    const { log } = this.#options;
    try {
      const fault = epochFault(placement.epoch, undefined);
      if (fault !== undefined) throw new Error(fault);
      this.#wanted(placement);
    } catch (error) {
      log('warn', `the saved placement is not followed: ${errorText(error)}`);
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
   * Resolves when the placement is saved. The move then runs in the background, and replaces a move in progress. Rejects if
   * `judgePlacement` refuses the placement, if its holdings are wrong, or if it does not name this shard.
   */
  place(placement: SignedPlacement, from?: PlacementId): Promise<void> {
    const taken = this.#taking.then(() => this.#take(placement, from));
    this.#taking = taken.catch(() => {}); // the caller has received this error
    return taken;
  }

  /** The gateway at the other end of `connection` acts on `placement`. The statement ends with the connection. */
  adopted(connection: AbortSignal, placement: PlacementId): void {
    if (connection.aborted) return;
    const leave = () => {
      this.#adoptions.leave(connection);
      this.#endWait();
    };
    if (!this.#adoptions.knows(connection)) connection.addEventListener('abort', leave, { once: true });
    this.#adoptions.say(connection, placement, performance.now());
    this.#endWait();
  }

  /** Ends the wait of a move, because a gateway made a statement or was lost, a placement arrived, or the model stops. */
  #endWait(): void {
    this.#waiting.abort();
    this.#waiting = new AbortController();
  }

  async #wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#waiting.signal, ref: false }).catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#endWait();
    await this.#moving;
  }

  async #take(placement: SignedPlacement, from: PlacementId | undefined): Promise<void> {
    const { name, log } = this.#options;
    const verdict = judgePlacement({ placement, follows: this.#placement, from });
    if (verdict.kind === 'known') return;
    if (verdict.kind === 'refused') throw new RpcError(verdict.code, verdict.message);
    // The holdings of all shards are checked, because gateways read all of them.
    orInvalid(() => {
      for (const shard of Object.keys(placement.shards)) unitsOf(placement, shard, this.#shape);
    });
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
    this.#endWait(); // a move that waits goes on, and finds that its placement is outdated
    this.#moving = this.#moving
      .then(() => this.#move())
      .catch((error: Error) =>
        this.#options.log('warn', `the move to a placement has ended early: ${error.message}`),
      );
  }

  async #move(): Promise<void> {
    const { service, unload, onChange, log } = this.#options;
    const placement = this.#placement;
    const isCurrent = () => this.#placement === placement && !this.#stopping.signal.aborted;
    if (placement === undefined || !isCurrent()) return;
    await this.#loadMissing(isCurrent);
    const { surplus } = this.#difference();
    while (isCurrent() && surplus.length > 0 && !this.#adoptions.reached(performance.now()))
      await this.#wait(LOOK_AGAIN_MS);
    if (!isCurrent()) return;
    this.#kept.remove(surplus);
    const gone = service.remove(surplus);
    onChange('holdings', service.offer);
    // The state is saved before the units are unloaded. Otherwise, a shard that is killed in between would start with these units.
    // If a new placement arrives now, its move begins when this move has ended, and may load some of these units again.
    if (!(await this.#saveWithRetries(() => !this.#stopping.signal.aborted))) return;
    await gone;
    // Units are unloaded one by one, because unloading all at once would block the thread for longer than a step.
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
        saved = await this.#announce(saved); // loaded units do not wait for units that failed
        await this.#wait(inMs);
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
      if (this.#kept.arrived >= ANNOUNCED_TOGETHER) saved = await this.#announce(saved);
    }
    saved = await this.#announce(saved);
    if (!saved) await this.#saveWithRetries(isCurrent);
  }

  /** Announces the loaded units. Returns whether the state with them is saved, or `saved` if there are no new units. */
  async #announce(saved: boolean): Promise<boolean> {
    if (this.#kept.arrived === 0) return saved;
    const { service, onChange, log } = this.#options;
    // The state is saved before the units are announced. Other shards unload units that this shard announces, so this shard must have
    // them after a restart. If the disk is full, the units are served nevertheless.
    const failure = await this.#kept.save().then(() => undefined, errorText);
    if (failure !== undefined)
      log('warn', `the holdings cannot be saved: ${failure}; they are served nevertheless`);
    service.add(this.#kept.announce());
    onChange('holdings', service.offer);
    return failure === undefined;
  }

  /** Tries until the state is saved. Returns false if `isWanted` ends the tries first. */
  async #saveWithRetries(isWanted: () => boolean): Promise<boolean> {
    for (let waitMs = FIRST_RETRY_MS; isWanted(); waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS)) {
      try {
        await this.#kept.save();
        return true;
      } catch (error) {
        const reason = `the holdings cannot be saved: ${errorText(error)}`;
        this.#options.log('warn', `${reason}; trying again in ${waitMs} ms`);
        await this.#wait(waitMs);
      }
    }
    return false;
  }

  /** Runs `act`, then pauses. A move is not urgent and leaves most of the core to calls. */
  async #paced(act: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await act();
    if (this.#stopping.signal.aborted) return;
    await delay(Math.min(IDLE_SHARE * (performance.now() - startedAt), LONGEST_IDLE_MS));
  }

  #difference() {
    const held = Holdings.of(this.#kept.units, this.#shape);
    const wanted = this.#placement ? Holdings.of(this.#wanted(this.#placement), this.#shape) : held;
    return { missing: wanted.without(held), surplus: held.without(wanted) };
  }

  #wanted(placement: SignedPlacement): Unit[] {
    const { name } = this.#options;
    const units = unitsOf(placement, name, this.#shape);
    if (units !== undefined) return units;
    const named = Object.keys(placement.shards).join(', ');
    throw new RpcError('invalid', `placement ${placement.epoch} names ${named}; this shard is ${name}`);
  }
}
