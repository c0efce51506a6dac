// Records which placement each connected gateway acts on, and decides whether a shard may unload units that its placement does not
// want. Pure; times are in milliseconds on the clock of the caller.
import { compareIds, noPlacement, type PlacementId } from './placement-id.ts';

/** A gateway's statement of the placement that it acts on counts for this long. Connected gateways repeat it every 2 s. */
const STATEMENT_MS = 5_000;

interface Statement {
  adopted: PlacementId;
  /** Time of the first statement of this placement. */
  since: number;
  /** Time of the last statement. */
  at: number;
}

export class Adoptions {
  readonly #by = new Map<object, Statement>();
  #followed: PlacementId = noPlacement;
  /** True if a gateway has found that the fleet serves every unit of the followed placement. */
  #witnessed = false;

  /** From now on, the shard follows `placement`. Statements that were made about it before count too. */
  follow(placement: PlacementId): void {
    this.#followed = placement;
    this.#witnessed = [...this.#by.values()].some(({ adopted }) => isSame(adopted, placement));
  }

  /**
   * Records that `caller` acts on the placement `adopted`, of which the fleet serves every unit. A caller of an older release
   * states only the epoch; `hash` is then empty. `noPlacement` means that the caller acts on no placement.
   */
  say(caller: object, adopted: PlacementId, now: number): void {
    const before = this.#by.get(caller);
    const since = before !== undefined && compareIds(before.adopted, adopted) === 0 ? before.since : now;
    this.#by.set(caller, { adopted, since, at: now });
    if (isSame(adopted, this.#followed)) this.#witnessed = true;
  }

  knows(caller: object): boolean {
    return this.#by.has(caller);
  }

  /** To be called when `caller` is no longer connected. */
  leave(caller: object): void {
    this.#by.delete(caller);
  }

  /**
   * True if the shard may unload units that the followed placement does not want. All three conditions must hold:
   * 1. A gateway has found that the fleet serves every unit of the followed placement.
   * 2. No gateway acts on an earlier placement. A statement older than `STATEMENT_MS` does not count, because its gateway is lost.
   * 3. No gateway has begun to act on a later placement within the last `STATEMENT_MS`. A gateway that begins to act on a
   *    placement also sends it to the shards. The units that this shard would unload may be wanted by that placement.
   * A caller that has made no statement blocks nothing. It is informed of unloaded units, and then calls other shards.
   */
  reached(now: number): boolean {
    if (!this.#witnessed) return false;
    for (const { adopted, since, at } of this.#by.values()) {
      const order = orderOf(adopted, this.#followed);
      if (order < 0 && now - at < STATEMENT_MS) return false;
      if (order > 0 && now - since < STATEMENT_MS) return false;
    }
    return true;
  }
}

/** False if `adopted` states only an epoch, because two placements may have the same epoch. */
function isSame(adopted: PlacementId, placement: PlacementId): boolean {
  return adopted.hash !== '' && compareIds(adopted, placement) === 0;
}

/** Negative if `adopted` is earlier than `placement`, positive if it is later. */
function orderOf(adopted: PlacementId, placement: PlacementId): number {
  return adopted.hash === '' ? adopted.epoch - placement.epoch : compareIds(adopted, placement);
}
