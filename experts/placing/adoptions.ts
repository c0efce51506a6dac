// Which placement each connected gateway acts on, and so whether units that only an earlier placement needs may be unloaded. Pure; the
// caller passes the time.
import { compareIds, noPlacement, type PlacementId } from './placement-id.ts';

/** How long a gateway's statement counts; gateways repeat it before that. */
const STATEMENT_MS = 5_000;

/** The placement that a caller acts on. Callers of older releases state the epoch alone; the hash is then empty. */
export type Adopted = PlacementId;

interface Said {
  adopted: Adopted;
  /** When it was stated first and last, in milliseconds on the clock of the caller. */
  since: number;
  at: number;
}

export class Adoptions {
  readonly #by = new Map<object, Said>();
  #followed: PlacementId = noPlacement;
  /** A gateway has found that the placement which the shard follows is served completely. */
  #witnessed = false;

  /** The shard follows this placement from now on; earlier statements about it count. */
  follow(placement: PlacementId): void {
    this.#followed = placement;
    this.#witnessed = [...this.#by.values()].some(({ adopted }) => isSame(adopted, placement));
  }

  /** `caller` has found this placement served completely, and calls by it from now on; `noPlacement`: it calls by none. */
  say(caller: object, adopted: Adopted, now: number): void {
    const before = this.#by.get(caller);
    const since = before !== undefined && compareIds(before.adopted, adopted) === 0 ? before.since : now;
    this.#by.set(caller, { adopted, since, at: now });
    if (isSame(adopted, this.#followed)) this.#witnessed = true;
  }

  knows(caller: object): boolean {
    return this.#by.has(caller);
  }

  /** `caller` is no longer connected. */
  leave(caller: object): void {
    this.#by.delete(caller);
  }

  /**
   * True if units that the followed placement does not want may be unloaded. That needs three things. A gateway has found the
   * placement served completely. No gateway that spoke recently acts on an earlier placement; a gateway that was lost without a
   * word blocks this only for a time. No gateway has just begun to act on a later placement, which may want the units here; such a
   * gateway normally delivers that placement immediately. A caller that never said what it acts on blocks nothing: it is told what
   * the shard holds, and calls other shards.
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

/** An epoch alone does not identify a placement: another one may have the same epoch. */
function isSame(adopted: Adopted, placement: PlacementId): boolean {
  return adopted.hash !== '' && compareIds(adopted, placement) === 0;
}

function orderOf(adopted: Adopted, placement: PlacementId): number {
  return adopted.hash === '' ? adopted.epoch - placement.epoch : compareIds(adopted, placement);
}
