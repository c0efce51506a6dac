// Which placement a gateway acts on: the highest that its shards serve whole. Pure; knows shards by what they say.
//
// Worked example: a and b follow epoch 2 and have loaded what it wants of them, c follows epoch 3 and is still loading:
//   learn([a, b, c]) → 2 is adopted; c's copies that epoch 2 names elsewhere are not preferred any more
import { type SignedPlacement, unitsOf } from '../experts/placement-file.ts';
import type { HoldingRange, ModelShape } from '../experts/wire.ts';
import type { ShardState } from './states.ts';

export interface SpeakingShard {
  readonly address: string;
  /** What placements call it; undefined where it does not say. */
  readonly name: string | undefined;
  /** That it follows. */
  readonly placement: SignedPlacement | undefined;
  readonly state: ShardState;
  /** What it can be called for now. */
  readonly holdings: readonly HoldingRange[];
}

/** A placement with `[layers * experts]` for each shard, 1 where it is to hold the unit. */
interface Known {
  placement: SignedPlacement;
  wanted: ReadonlyMap<string, Uint8Array>;
}

export class Epochs {
  readonly #shape: ModelShape;
  readonly #onUnusable: (shard: SpeakingShard, reason: string) => void;
  /** Told of already: shards say the same until they are connected anew. */
  readonly #unusable = new WeakSet<SignedPlacement>();
  /** By epoch, from the adopted one on. */
  readonly #known = new Map<number, Known>();
  #adopted: Known | undefined;

  /** `onUnusable` is told once of a placement that cannot be one of this model's, and of the shard that came with it. */
  constructor(shape: ModelShape, onUnusable: (shard: SpeakingShard, reason: string) => void = () => {}) {
    this.#shape = shape;
    this.#onUnusable = onUnusable;
  }

  /** Adopted; 0: none. */
  get epoch(): number {
    return this.#adopted?.placement.epoch ?? 0;
  }

  /** That any shard has told of, adopted or not. */
  get newest(): SignedPlacement | undefined {
    return this.#known.get(Math.max(...this.#known.keys()))?.placement;
  }

  /**
   * Looks at the shards again. True where another placement is adopted; never one of a lower epoch. What one shard says never
   * keeps it from the others: a placement that is unusable counts as none.
   */
  learn(shards: readonly SpeakingShard[]): boolean {
    for (const shard of shards) if (shard.placement !== undefined) this.#hear(shard, shard.placement);
    const before = this.epoch;
    const higher = [...this.#known.values()].filter(({ placement }) => placement.epoch > before);
    higher.sort((a, b) => b.placement.epoch - a.placement.epoch);
    if (higher.length === 0) return false;
    const held = shards.map((shard) => ({ shard, units: this.#unitsIn(shard.holdings) }));
    const adopted = higher.find((known) => this.#isWhole(known, held));
    if (adopted === undefined) return false;
    this.#adopted = adopted;
    for (const epoch of this.#known.keys()) if (epoch < this.epoch) this.#known.delete(epoch);
    return true;
  }

  /**
   * Whether the shard's copy of `unit` (layer * experts + expert) will stay: the adopted placement wants it there, or says
   * nothing of the shard.
   */
  stays(name: string | undefined, unit: number): boolean {
    const wanted = name === undefined ? undefined : this.#adopted?.wanted.get(name);
    return wanted === undefined || wanted[unit] === 1;
  }

  #hear(shard: SpeakingShard, placement: SignedPlacement): void {
    if (placement.epoch <= this.epoch || this.#known.has(placement.epoch) || this.#unusable.has(placement))
      return;
    try {
      this.#known.set(placement.epoch, { placement, wanted: wantedBy(placement, this.#shape) });
    } catch (cause) {
      this.#unusable.add(placement);
      this.#onUnusable(shard, cause instanceof Error ? cause.message : String(cause));
    }
  }

  /** Each unit can be called for at a shard where it is to stay, and no shard that follows the placement still loads. */
  #isWhole(
    { placement, wanted }: Known,
    held: readonly { shard: SpeakingShard; units: Uint8Array }[],
  ): boolean {
    const served = new Uint8Array(this.#shape.layers * this.#shape.experts);
    for (const { shard, units } of held) {
      const ofShard = shard.name === undefined ? undefined : wanted.get(shard.name);
      if (ofShard === undefined) continue;
      const follows = shard.placement?.epoch === placement.epoch && shard.state === 'available';
      for (const [unit, isWanted] of ofShard.entries()) {
        if (isWanted === 0) continue;
        if (units[unit] === 1) served[unit] = 1;
        else if (follows) return false;
      }
    }
    return served.every((is) => is === 1);
  }

  #unitsIn(holdings: readonly HoldingRange[]): Uint8Array {
    const units = new Uint8Array(this.#shape.layers * this.#shape.experts);
    for (const [layer, first, last] of holdings) {
      units.fill(1, layer * this.#shape.experts + first, layer * this.#shape.experts + last + 1);
    }
    return units;
  }
}

/** By the shard's name. Throws where the placement is of another model, or names units that there are none of. */
function wantedBy(placement: SignedPlacement, shape: ModelShape): Map<string, Uint8Array> {
  const { identity, layers, experts } = shape;
  if (placement.model !== identity)
    throw new Error(`placement: model is ${placement.model}, not ${identity}`);
  const wanted = new Map<string, Uint8Array>();
  for (const name of Object.keys(placement.shards)) {
    const units = new Uint8Array(layers * experts);
    for (const { layer, expert } of unitsOf(placement, name, shape) ?? [])
      units[layer * experts + expert] = 1;
    wanted.set(name, units);
  }
  return wanted;
}
