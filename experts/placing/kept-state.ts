// Saves the units of one model that a shard holds and the placement that the shard follows, so that the shard has the same units and
// placement after a restart.
import type { Unit } from '../../model/devices/expert.ts';
import { formatHoldings, type HoldingShape, Holdings } from '../holdings.ts';
import type { HoldingRange } from '../runs.ts';
import type { SignedPlacement } from './placement-file.ts';

/** The saved state of one model. */
export interface PlacedState {
  placement: SignedPlacement | undefined;
  /** Held units, as `formatHoldings` writes them. */
  held: string;
}

/** Resolves when a crash can no longer lose the state. */
export type SaveState = (state: PlacedState) => Promise<void>;

export class KeptState {
  /** The placement to save. A new placement is saved before the shard follows it. */
  placement: SignedPlacement | undefined;
  readonly #shape: HoldingShape;
  readonly #held: Holdings;
  readonly #save: SaveState;
  /** Units that are loaded and not yet announced. */
  #arrived: Unit[] = [];

  constructor(shape: HoldingShape & { holdings: readonly HoldingRange[] }, save: SaveState) {
    this.#shape = shape;
    this.#held = new Holdings(shape);
    for (const range of shape.holdings) this.#held.add(range);
    this.#save = save;
  }

  /** The announced units. */
  get units(): Unit[] {
    return this.#held.units();
  }

  get size(): number {
    return this.#held.size;
  }

  /** Number of units that are loaded and not yet announced. */
  get arrived(): number {
    return this.#arrived.length;
  }

  /** The announced units, as `formatHoldings` writes them. */
  get text(): string {
    return formatHoldings(this.units, this.#shape);
  }

  /** Adds a unit that the device has loaded. */
  arrive(unit: Unit): void {
    this.#arrived.push(unit);
  }

  /** Returns the units that are loaded and not yet announced. They count as announced from now on. */
  announce(): Unit[] {
    const announced = this.#arrived;
    this.#arrived = [];
    for (const { layer, expert } of announced) this.#held.add([layer, expert, expert]);
    return announced;
  }

  remove(units: readonly Unit[]): void {
    for (const unit of units) this.#held.delete(unit);
  }

  /** Saves all units, including units that are not yet announced. */
  async save(): Promise<void> {
    const held = formatHoldings([...this.units, ...this.#arrived], this.#shape);
    await this.#save({ placement: this.placement, held });
  }
}
