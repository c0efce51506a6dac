// The identifier of a placement, which also orders placements: its epoch and the hash of its content. If two operators give the same
// epoch to two placements, the hash decides, and it decides alike in every shard, gateway and command. Pure.

import { sha256 } from '../../model/bundle/hash.ts';
import { contentText, type Placement } from './placement-file.ts';

export interface PlacementId {
  /** 0: no placement; epochs begin at 1. */
  epoch: number;
  /** `sha256:` and 64 hex digits over the placement's content; empty for no placement. */
  hash: string;
}

export const noPlacement: PlacementId = { epoch: 0, hash: '' };

/** How far a placement's epoch may be above the highest known one, so that a typing error does not use up all epochs. */
export const MOST_AHEAD = 1_000_000;
/** The largest epoch that is ever accepted. */
export const LARGEST_EPOCH = 2 ** 40;

const ids = new WeakMap<object, PlacementId>();

/** The signature and the operator's name do not count. Placements are immutable, so each is hashed once. */
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
 * Why a placement may not have this epoch, or undefined. `known` is the highest known epoch: 0 if there is certainly none yet,
 * undefined if nothing is known, as in a shard or gateway that has just started.
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

/** `5 (3f2a9c1e04b7)`: the epoch, and enough of the hash to tell placements apart. */
export function formatId({ epoch, hash }: PlacementId): string {
  if (epoch === 0) return 'none';
  return hash === '' ? `${epoch}` : `${epoch} (${hash.slice('sha256:'.length, 'sha256:'.length + 12)})`;
}
