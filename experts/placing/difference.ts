// What lies between what a shard holds and what it is to hold. Pure.
import type { Unit } from '../../model/devices/expert.ts';
import { type HoldingShape, Holdings } from '../holdings.ts';

export interface Difference {
  /** To be loaded, by layer, then expert. */
  missing: Unit[];
  /** To be let go, likewise. */
  surplus: Unit[];
}

export function difference(held: readonly Unit[], wanted: readonly Unit[], shape: HoldingShape): Difference {
  const [before, after] = [Holdings.of(held, shape), Holdings.of(wanted, shape)];
  return {
    missing: after.units().filter(({ layer, expert }) => !before.has(layer, expert)),
    surplus: before.units().filter(({ layer, expert }) => !after.has(layer, expert)),
  };
}
