// The difference between the units that a shard holds and those that it is to hold. Pure.
import type { Unit } from '../../model/devices/expert.ts';
import { type HoldingShape, Holdings } from '../holdings.ts';

export interface Difference {
  /** Units to load, by layer, then expert. */
  missing: Unit[];
  /** Units to unload, in the same order. */
  surplus: Unit[];
}

export function difference(held: readonly Unit[], wanted: readonly Unit[], shape: HoldingShape): Difference {
  const [before, after] = [Holdings.of(held, shape), Holdings.of(wanted, shape)];
  return {
    missing: after.units().filter(({ layer, expert }) => !before.has(layer, expert)),
    surplus: before.units().filter(({ layer, expert }) => !after.has(layer, expert)),
  };
}
