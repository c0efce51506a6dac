// Puts experts of consecutive layers that often get the same rows on one shard, by exchanges within a layer. The rows of one text
// then stay on few shards. Pure.
import type { Heat } from './heat.ts';
import { type Layout, loadsOf } from './layout.ts';
import { only, replace } from './pack.ts';

interface TogetherOptions {
  /** `[layers][experts]` → shards, ascending; changed in place. */
  layout: number[][][];
  successors: NonNullable<Heat['successors']>;
  /** `[layers][experts]`, shares of the layer's rows. */
  shares: readonly Float64Array[];
  /** `[layers]`, largest load that a shard may have. */
  bounds: readonly number[];
  shards: number;
}

/** Most passes over all layers. The first few passes bring most of the gain. */
const PASSES = 8;

/** Exchanges experts until no exchange brings a gain, in at most `PASSES` passes. */
export function together(options: TogetherOptions): void {
  for (let pass = 0; pass < PASSES; pass++) {
    let exchanged = 0;
    for (let layer = 0; layer < options.layout.length; layer++) exchanged += exchange(layer, options);
    if (exchanged === 0) return;
  }
}

/** Share of the counted rows that stay on their shard from one layer to the next. Replicas get equal parts of a unit's rows. */
export function staying(layout: Layout, successors: TogetherOptions['successors']): number {
  let stay = 0;
  let all = 0;
  successors.forEach((ofLayer, layer) => {
    ofLayer.forEach((followers, expert) => {
      const here = layout[layer]![expert]!;
      for (const [next, rows] of followers) {
        const there = layout[layer + 1]![next]!;
        const both = here.filter((shard) => there.includes(shard)).length;
        stay += (rows * both) / (here.length * there.length);
        all += rows;
      }
    });
  });
  return all === 0 ? 1 : stay / all;
}

/** Returns the number of exchanges. */
function exchange(layer: number, options: TogetherOptions): number {
  const { layout, shares, bounds, shards } = options;
  const holders = layout[layer]!;
  const pull = pullOf(layer, options);
  const loads = loadsOf(holders, shares[layer]!, shards);
  const bound = bounds[layer]!;
  let exchanged = 0;
  for (let a = 0; a < shards; a++) {
    for (let b = a + 1; b < shards; b++) {
      for (const off of only(holders, a, b)) {
        const size = shares[layer]![off]! / holders[off]!.length;
        const gain = (pull[off * shards + b]! - pull[off * shards + a]!) / holders[off]!.length;
        let best: { on: number; moved: number; gain: number } | undefined;
        for (const on of only(holders, b, a)) {
          const count = holders[on]!.length;
          const moved = size - shares[layer]![on]! / count;
          if (loads[a]! - moved > bound || loads[b]! + moved > bound) continue;
          const both = gain + (pull[on * shards + a]! - pull[on * shards + b]!) / count;
          if (both > (best?.gain ?? 1e-9)) best = { on, moved, gain: both };
        }
        if (best === undefined) continue;
        replace(holders[off]!, a, b);
        replace(holders[best.on]!, b, a);
        loads[a]! -= best.moved;
        loads[b]! += best.moved;
        exchanged++;
      }
    }
  }
  return exchanged;
}

/** `[experts, shards]`: rows of the expert that the shard runs in the previous layer, plus rows that it runs in the next layer. */
function pullOf(layer: number, { layout, successors, shards }: TogetherOptions): Float64Array {
  const pull = new Float64Array(layout[layer]!.length * shards);
  const add = (expert: number, holders: readonly number[], rows: number) => {
    for (const shard of holders) pull[expert * shards + shard]! += rows / holders.length;
  };
  successors[layer]?.forEach((followers, expert) => {
    for (const [next, rows] of followers) add(expert, layout[layer + 1]![next]!, rows);
  });
  successors[layer - 1]?.forEach((followers, expert) => {
    for (const [next, rows] of followers) add(next, layout[layer - 1]![expert]!, rows);
  });
  return pull;
}
