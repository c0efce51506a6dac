// What a shard holds of one model, with the placement that goes with it, saved so that a restart continues from there. Knows no
// device and no gateways.
import type { Unit } from '../../model/devices/expert.ts';
import { formatHoldings, type HoldingShape, Holdings } from '../holdings.ts';
import type { HoldingRange } from '../runs.ts';
import type { SignedPlacement } from './placement-file.ts';

/** Enough to continue after the process was killed. */
export interface PlacedState {
  placement: SignedPlacement | undefined;
  /** As `formatHoldings` writes it. */
  held: string;
}

export interface KeptStateOptions {
  shape: HoldingShape & { holdings: readonly HoldingRange[] };
  /** Resolves when the state outlasts a crash. */
  save: (state: PlacedState) => Promise<void>;
}

export class KeptState {
  /** The placement that is saved: a new one is saved before it is followed. */
  placement: SignedPlacement | undefined;
  readonly #shape: HoldingShape;
  readonly #held: Holdings;
  readonly #save: KeptStateOptions['save'];
  /** Loaded and not yet announced. */
  #arrived: Unit[] = [];

  constructor({ shape, save }: KeptStateOptions) {
    this.#shape = shape;
    this.#held = new Holdings(shape);
    for (const range of shape.holdings) this.#held.add(range);
    this.#save = save;
  }

  /** Units that are announced. */
  get units(): Unit[] {
    return this.#held.units();
  }

  get size(): number {
    return this.#held.size;
  }

  get arrived(): number {
    return this.#arrived.length;
  }

  /** The units as `formatHoldings` writes them. */
  get text(): string {
    return formatHoldings(this.units, this.#shape);
  }

  /** The device has loaded the unit. */
  arrive(unit: Unit): void {
    this.#arrived.push(unit);
  }

  /** Counts what has arrived as announced, and returns it. */
  announce(): Unit[] {
    const announced = this.#arrived;
    this.#arrived = [];
    for (const { layer, expert } of announced) this.#held.add([layer, expert, expert]);
    return announced;
  }

  remove(units: readonly Unit[]): void {
    for (const unit of units) this.#held.delete(unit);
  }

  /** Saves all units, including those that are not yet announced. */
  async save(): Promise<void> {
    const held = formatHoldings([...this.units, ...this.#arrived], this.#shape);
    await this.#save({ placement: this.placement, held });
  }
}
