// Chooses the units that gateways hold themselves, so that their rows need no hop. Pure.
//
// Example: two layers of two experts, heat [[9, 1], [6, 4]], room for two units:
//   'hottest' → expert 0 of both layers: most rows stay home        'layers' → layer 0: its hop is saved for any number of rows
import { formatHoldings } from '../../experts/holdings.ts';
import { type Heat, sharesOf } from './heat.ts';

/** `[layers][experts]`, 1 for a unit that each gateway holds. */
export type Home = readonly Uint8Array[];

/** `hottest`: hottest units first; of equally hot units, those of earlier layers. `layers`: layer after layer, hottest units first. */
export type HomeOrder = 'hottest' | 'layers';

interface HomeOptions {
  heat: Heat;
  /** Units that fit into each gateway. */
  room: number;
  order: HomeOrder;
  /** Experts for each row, by layer. Default: 1. */
  k?: readonly number[];
}

interface RankedUnit {
  layer: number;
  expert: number;
  /** Rows that the unit gets from each row of a step. */
  rows: number;
}

const byHeat = (a: RankedUnit, b: RankedUnit) => b.rows - a.rows || a.layer - b.layer || a.expert - b.expert;

const orders: Readonly<Record<HomeOrder, (a: RankedUnit, b: RankedUnit) => number>> = {
  hottest: byHeat,
  layers: (a, b) => a.layer - b.layer || byHeat(a, b),
};

export function chooseHome({ heat, room, order, k = [] }: HomeOptions): Home {
  const units = sharesOf(heat).flatMap((shares, layer) =>
    Array.from(shares, (share, expert): RankedUnit => ({ layer, expert, rows: share * (k[layer] ?? 1) })),
  );
  const home = Array.from({ length: heat.layers }, () => new Uint8Array(heat.experts));
  for (const { layer, expert } of units.sort(orders[order]).slice(0, room)) home[layer]![expert] = 1;
  return home;
}

/** The units that each gateway holds, by layer, then expert. */
export function homeUnits(home: Home): { layer: number; expert: number }[] {
  return home.flatMap((ofLayer, layer) =>
    [...ofLayer.keys()].filter((expert) => ofLayer[expert] === 1).map((expert) => ({ layer, expert })),
  );
}

/** The list for the flag `gateway --experts`; empty for no units. */
export function homeList(home: Home): string {
  return formatHoldings(homeUnits(home), { layers: home.length, experts: home[0]?.length ?? 0 });
}
