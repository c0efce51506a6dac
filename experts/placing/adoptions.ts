// Which placement each connected gateway acts on, as they say, and so whether what an earlier one needed may go. Pure; time
// is given.
import { compareIds, noPlacement, type PlacementId } from './placement-id.ts';

/** A word counts for so long; gateways say it again before that. Milliseconds. */
const WORD_HOLDS = 5_000;

/** What a caller acts on. Callers of older releases tell the epoch alone, with the hash left empty. */
export type Adopted = PlacementId;

interface Said {
  adopted: Adopted;
  /** When it was said first and last, in milliseconds on the clock that the caller gives. */
  since: number;
  at: number;
}

export class Adoptions {
  readonly #by = new Map<object, Said>();
  #followed: PlacementId = noPlacement;
  /** Somebody has found the very placement that is followed served whole. */
  #witnessed = false;

  /** The shard follows this placement from now on: what callers said of it before counts now. */
  follow(placement: PlacementId): void {
    this.#followed = placement;
    this.#witnessed = [...this.#by.values()].some(({ adopted }) => isSame(adopted, placement));
  }

  /** `caller` calls by this placement from now on, having found it served whole; `noPlacement`: by none. */
  say(caller: object, adopted: Adopted, now: number): void {
    const before = this.#by.get(caller);
    const since = before !== undefined && compareIds(before.adopted, adopted) === 0 ? before.since : now;
    this.#by.set(caller, { adopted, since, at: now });
    if (isSame(adopted, this.#followed)) this.#witnessed = true;
  }

  knows(caller: object): boolean {
    return this.#by.has(caller);
  }

  /** It is connected no more. */
  leave(caller: object): void {
    this.#by.delete(caller);
  }

  /**
   * Somebody has found what is followed served whole, and nobody who has spoken of late acts on an earlier placement: one
   * that is lost without a word holds nothing back for long. Nor has anybody just begun to act on a later one: that may want
   * here what this one does not, and is being brought. If nobody brings it, it may not exist, or is none of this shard's. A
   * caller that never said what it acts on holds nothing back: it is told what is held, and asks elsewhere.
   */
  reached(now: number): boolean {
    if (!this.#witnessed) return false;
    for (const { adopted, since, at } of this.#by.values()) {
      const order = orderOf(adopted, this.#followed);
      if (order < 0 && now - at < WORD_HOLDS) return false;
      if (order > 0 && now - since < WORD_HOLDS) return false;
    }
    return true;
  }
}

/** An epoch alone is not the word that a certain placement is served: another one may have the same. */
function isSame(adopted: Adopted, placement: PlacementId): boolean {
  return adopted.hash !== '' && compareIds(adopted, placement) === 0;
}

function orderOf(adopted: Adopted, placement: PlacementId): number {
  return adopted.hash === '' ? adopted.epoch - placement.epoch : compareIds(adopted, placement);
}
