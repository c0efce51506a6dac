// The identifier of a placement: its epoch and the hash of its content. Of two placements, the one with the higher epoch is later. If
// the epochs are equal, the hash decides, so that every shard, gateway and command chooses the same one. Pure.

import { sha256 } from '../../model/bundle/hash.ts';
import { contentText, type Placement } from './placement-file.ts';

export interface PlacementId {
  /** 0: no placement; epochs begin at 1. */
  epoch: number;
  /** `sha256:` and 64 hex digits, the hash of `contentText`. Empty for no placement. */
  hash: string;
}

export const noPlacement: PlacementId = { epoch: 0, hash: '' };

/** An epoch may be this far above the highest known epoch. The limit keeps a typing error from using up all epochs. */
export const MOST_AHEAD = 1_000_000;
/** The largest epoch that is accepted at all. */
export const LARGEST_EPOCH = 2 ** 40;

const ids = new WeakMap<object, PlacementId>();

/** The identifier does not depend on `signature` and `applied`. A placement is immutable, so it is hashed only once. */
export function idOf(placement: Placement | undefined): PlacementId {
  if (placement === undefined) return noPlacement;
  let id = ids.get(placement);
  if (id === undefined) {
    id = { epoch: placement.epoch, hash: sha256(contentText(placement)) };
    ids.set(placement, id);
  }
  return id;
}

/** Negative if `b` replaces `a`, positive if `a` replaces `b`, 0 if they are the same. */
export function compareIds(a: PlacementId, b: PlacementId): number {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch;
  if (a.hash === b.hash) return 0;
  return a.hash < b.hash ? -1 : 1;
}

/**
 * Says why a placement may not have this epoch. Returns undefined if it may. `known` is the highest known epoch, and 0 if there is
 * certainly no placement yet. It is undefined in a shard or gateway that has just started and knows nothing.
 */
export function epochFault(epoch: number, known: number | undefined): string | undefined {
  if (epoch < 1) return `epoch ${epoch} is too low: epochs begin at 1`;
  const most = known === undefined ? LARGEST_EPOCH : Math.min(known + MOST_AHEAD, LARGEST_EPOCH);
  if (epoch <= most) return undefined;
  const reason = known === undefined ? '' : `; the highest epoch here is ${known}`;
  return `epoch ${epoch} is too high: it may be at most ${most}${reason}`;
}

export function isHash(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** `5 (3f2a9c1e04b7)`: the epoch, and 12 digits of the hash, which suffice to distinguish placements. */
export function formatId({ epoch, hash }: PlacementId): string {
  if (epoch === 0) return 'none';
  return hash === '' ? `${epoch}` : `${epoch} (${hash.slice('sha256:'.length, 'sha256:'.length + 12)})`;
}
