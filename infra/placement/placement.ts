// The file that says which shard holds what: written, read and checked. Knows no heat and no shards' addresses.
//
// Worked example:
//   { "version": 1, "model": "sha256:…", "epoch": 3, "shards": { "a": "0-47", "b": "48-95,0:3" } }
import { formatHoldings, type HoldingShape, parseHoldings } from '../../experts/holdings.ts';
import type { Layout } from './layout.ts';

export interface Placement {
  version: 1;
  /** Identity of the checkpoint. */
  model: string;
  /** A placement with a higher one takes its place. */
  epoch: number;
  /** Holdings by shard, as `expertgrid shard --experts` takes them; empty for none. */
  shards: Record<string, string>;
}

export interface PlacementOptions {
  layout: Layout;
  /** Of the shards, by number. */
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

/** The layout over the placement's shards in their order. Throws with the shard or the unit that is wrong. */
export function toLayout({ shards }: Pick<Placement, 'shards'>, shape: HoldingShape): Layout {
  const layout = Array.from({ length: shape.layers }, () =>
    Array.from({ length: shape.experts }, (): number[] => []),
  );
  Object.entries(shards).forEach(([name, holdings], shard) => {
    for (const { layer, expert } of holdings === '' ? [] : unitsNamed(name, holdings, shape)) {
      layout[layer]![expert]!.push(shard);
    }
  });
  layout.forEach((holders, layer) => {
    const orphan = holders.findIndex((ofExpert) => ofExpert.length === 0);
    if (orphan >= 0) throw new Error(`placement: no shard holds expert ${orphan} of layer ${layer}`);
  });
  return layout;
}

/** Checks a value that was read; holdings are checked by `toLayout`, which knows the model's shape. */
export function parsePlacement(value: unknown): Placement {
  const { version, model, epoch, shards } = fields(value, 'the placement');
  if (version !== 1) throw new Error(`placement: version must be 1, not ${JSON.stringify(version)}`);
  if (typeof model !== 'string') throw new Error('placement: model must be the identity of a checkpoint');
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 0) {
    throw new Error('placement: epoch must be a whole number');
  }
  const held = Object.entries(fields(shards, 'shards')).map(([name, holdings]): [string, string] => {
    if (typeof holdings === 'string') return [name, holdings];
    throw new Error(`placement: shards.${name} must be text such as 0-23,3:40`);
  });
  return { version, model, epoch, shards: Object.fromEntries(held) };
}

function unitsNamed(name: string, holdings: string, shape: HoldingShape) {
  try {
    return parseHoldings(holdings, shape);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`placement: shards.${name}: ${reason}`, { cause });
  }
}

function fields(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`placement: ${what} must be an object`);
}
