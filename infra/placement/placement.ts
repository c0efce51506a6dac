// Converts between layouts, which number shards, and placements, which name them (experts/placing/placement-file.ts).
import { formatHoldings, type HoldingShape } from '../../experts/holdings.ts';
import { type Placement, unitsOf } from '../../experts/placing/placement-file.ts';
import type { Layout } from './layout.ts';

interface PlacementOptions {
  layout: Layout;
  /** Names of the shards, by number. */
  names: readonly string[];
  model: string;
  epoch: number;
}

export function toPlacement({ layout, names, model, epoch }: PlacementOptions): Placement {
  const shape = { layers: layout.length, experts: layout[0]?.length ?? 0 };
  const units = layout.flatMap((holders, layer) =>
    holders.flatMap((shards, expert) => shards.map((shard) => ({ shard, layer, expert }))),
  );
  const shards = names.map((name, index): [string, string] => {
    const held = units.filter(({ shard }) => shard === index);
    return [name, formatHoldings(held, shape)];
  });
  return { version: 1, model, epoch, shards: Object.fromEntries(shards) };
}

/** Numbers the shards in the placement's order. Throws an error that names the shard or the unit that is wrong. */
export function toLayout({ shards }: Pick<Placement, 'shards'>, shape: HoldingShape): Layout {
  const layout = Array.from({ length: shape.layers }, () =>
    Array.from({ length: shape.experts }, (): number[] => []),
  );
  Object.keys(shards).forEach((name, shard) => {
    for (const { layer, expert } of unitsOf({ shards }, name, shape) ?? []) {
      layout[layer]![expert]!.push(shard);
    }
  });
  layout.forEach((holders, layer) => {
    const orphan = holders.findIndex((ofExpert) => ofExpert.length === 0);
    if (orphan >= 0) throw new Error(`placement: no shard holds expert ${orphan} of layer ${layer}`);
  });
  return layout;
}
