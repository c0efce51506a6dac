// Finds the placement that a gateway acts on: the latest (highest epoch) of those whose units are all served. Pure.
//
// Example: shards a and b follow epoch 2 and have loaded their units; shard c follows epoch 3 and is still loading:
//   learn([a, b, c]) → epoch 2 is adopted, and `stays` is false for replicas on c that epoch 2 places elsewhere
import { errorText } from '../base/error-text.ts';
import { type SignedPlacement, unitsOf } from '../experts/placing/placement-file.ts';
import { compareIds, epochFault, idOf, type PlacementId } from '../experts/placing/placement-id.ts';
import type { HoldingRange } from '../experts/runs.ts';
import type { ModelShape } from '../experts/wire/model.ts';
import type { ShardState } from './shards/life.ts';

export interface SpeakingShard {
  readonly address: string;
  /** Name of the shard in placements; undefined if it has none. */
  readonly name: string | undefined;
  /** The placement that the shard follows. */
  readonly placement: SignedPlacement | undefined;
  readonly state: ShardState;
  /** The units that the shard can be called for now. */
  readonly holdings: readonly HoldingRange[];
}

interface Known {
  id: PlacementId;
  placement: SignedPlacement;
  /** By name of the shard: `[layers * experts]`, 1 for each unit that the shard should hold. */
  wanted: ReadonlyMap<string, Uint8Array>;
}

export class Epochs {
  readonly #shape: ModelShape;
  readonly #onUnusable: (shard: SpeakingShard, reason: string) => void;
  /** Unusable placements that were reported. */
  readonly #unusable = new WeakSet<SignedPlacement>();
  /** By hash: the adopted placement and later placements. */
  readonly #known = new Map<string, Known>();
  #adopted: Known | undefined;

  /** `onUnusable` is called once for each unusable placement, with a shard that follows it. */
  constructor(shape: ModelShape, onUnusable: (shard: SpeakingShard, reason: string) => void = () => {}) {
    this.#shape = shape;
    this.#onUnusable = onUnusable;
  }

  /** The adopted placement. */
  get id(): PlacementId {
    return idOf(this.#adopted?.placement);
  }

  /** Epoch of the adopted placement; 0 if there is none. */
  get epoch(): number {
    return this.id.epoch;
  }

  /** The latest placement that the shard `name` may follow instead of `follows`; undefined if no later one names the shard. */
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
   * To be called after changes of the shards. Returns true if a later placement is adopted. An unusable placement is ignored, so
   * that one shard cannot block the others.
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
   * False if the adopted placement names the shard and places `unit` (layer * experts + expert) elsewhere. The shard will soon
   * unload such a replica.
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

  /** Forgets placements that no shard follows. Keeps the adopted one, and the latest one because it must still be sent. */
  #forget(shards: readonly SpeakingShard[]): void {
    if (this.#known.size < 2) return;
    const kept = new Set(shards.map(({ placement }) => idOf(placement).hash)).add(this.id.hash);
    const [latest] = [...this.#known.values()].sort((a, b) => compareIds(b.id, a.id));
    for (const [hash, known] of this.#known) {
      if (known !== latest && !kept.has(hash)) this.#known.delete(hash);
    }
  }

  /**
   * True if every unit is served by a shard that should hold it and follows this placement, and none of these shards is still
   * loading. A shard that follows another placement does not count, because it may be about to unload its units.
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

/** See `Known.wanted`. Throws if the placement is of another model or names units that do not exist. */
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
