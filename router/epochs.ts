// Which placement a gateway acts on: the latest that its shards serve whole. Pure; knows shards by what they say.
//
// Worked example: a and b follow epoch 2 and have loaded what it wants of them, c follows epoch 3 and is still loading:
//   learn([a, b, c]) → 2 is adopted; c's copies that epoch 2 names elsewhere are not preferred any more
import { errorText } from '../base/error-text.ts';
import { type SignedPlacement, unitsOf } from '../experts/placing/placement-file.ts';
import { compareIds, epochFault, idOf, type PlacementId } from '../experts/placing/placement-id.ts';
import type { HoldingRange } from '../experts/runs.ts';
import type { ModelShape } from '../experts/wire.ts';
import type { ShardState } from './shards/life.ts';

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
  id: PlacementId;
  placement: SignedPlacement;
  wanted: ReadonlyMap<string, Uint8Array>;
}

export class Epochs {
  readonly #shape: ModelShape;
  readonly #onUnusable: (shard: SpeakingShard, reason: string) => void;
  /** Told of already: shards say the same until they are connected anew. */
  readonly #unusable = new WeakSet<SignedPlacement>();
  /** By hash, from the adopted one on. */
  readonly #known = new Map<string, Known>();
  #adopted: Known | undefined;

  /** `onUnusable` is told once of a placement that cannot be one of this model's, and of the shard that came with it. */
  constructor(shape: ModelShape, onUnusable: (shard: SpeakingShard, reason: string) => void = () => {}) {
    this.#shape = shape;
    this.#onUnusable = onUnusable;
  }

  /** Adopted. */
  get id(): PlacementId {
    return idOf(this.#adopted?.placement);
  }

  /** Adopted; 0: none. */
  get epoch(): number {
    return this.id.epoch;
  }

  /** What the shard called `name` is to follow instead of `follows`: the latest known that names it and that it may take. */
  newerFor(name: string, follows: SignedPlacement | undefined): SignedPlacement | undefined {
    const now = idOf(follows);
    let newer: Known | undefined;
    for (const known of this.#known.values()) {
      if (compareIds(known.id, newer?.id ?? now) <= 0 || !known.wanted.has(name)) continue;
      if (epochFault(known.id.epoch, follows && now.epoch) === undefined) newer = known;
    }
    return newer?.placement;
  }

  /**
   * Looks at the shards again. True if another placement is adopted; never an earlier one. What one shard says never keeps
   * it from the others: a placement that is unusable counts as none.
   */
  learn(shards: readonly SpeakingShard[]): boolean {
    for (const shard of shards) if (shard.placement !== undefined) this.#hear(shard, shard.placement);
    this.#forget(shards);
    const later = [...this.#known.values()].filter(({ id }) => compareIds(id, this.id) > 0);
    later.sort((a, b) => compareIds(b.id, a.id));
    if (later.length === 0) return false;
    const held = shards.map((shard) => ({ shard, units: this.#unitsIn(shard.holdings) }));
    const adopted = later.find((known) => this.#isWhole(known, held));
    if (adopted === undefined) return false;
    this.#adopted = adopted;
    for (const [hash, { id }] of this.#known) {
      const fault = epochFault(id.epoch, adopted.id.epoch);
      if (compareIds(id, adopted.id) < 0 || fault !== undefined) this.#known.delete(hash);
    }
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
    const id = idOf(placement);
    if (compareIds(id, this.id) <= 0 || this.#known.has(id.hash) || this.#unusable.has(placement)) return;
    try {
      const fault = epochFault(id.epoch, this.#adopted && this.epoch);
      if (fault !== undefined) throw new Error(`placement: ${fault}`);
      this.#known.set(id.hash, { id, placement, wanted: wantedBy(placement, this.#shape) });
    } catch (cause) {
      this.#unusable.add(placement);
      this.#onUnusable(shard, errorText(cause));
    }
  }

  /** What nobody follows any more, but for the latest, which is still to be brought, and what is acted on. */
  #forget(shards: readonly SpeakingShard[]): void {
    if (this.#known.size < 2) return;
    const kept = new Set(shards.map(({ placement }) => idOf(placement).hash)).add(this.id.hash);
    const [latest] = [...this.#known.values()].sort((a, b) => compareIds(b.id, a.id));
    for (const [hash, known] of this.#known) {
      if (known !== latest && !kept.has(hash)) this.#known.delete(hash);
    }
  }

  /**
   * Each unit can be called for at a shard where it is to stay and that follows this very placement, and none of those still
   * loads. A shard that follows another one does not count, whatever it holds: it may be about to let go of it.
   */
  #isWhole({ id, wanted }: Known, held: readonly { shard: SpeakingShard; units: Uint8Array }[]): boolean {
    const served = new Uint8Array(this.#shape.layers * this.#shape.experts);
    for (const { shard, units } of held) {
      const ofShard = shard.name === undefined ? undefined : wanted.get(shard.name);
      if (ofShard === undefined || shard.state !== 'available') continue;
      if (compareIds(idOf(shard.placement), id) !== 0) continue;
      for (const [unit, isWanted] of ofShard.entries()) {
        if (isWanted === 0) continue;
        if (units[unit] !== 1) return false;
        served[unit] = 1;
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
