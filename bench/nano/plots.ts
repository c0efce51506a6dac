// Plots of training runs. Pure.
import type { Plot } from '../drawing/plot.ts';
import type { Run } from './lines.ts';
import { finalOf } from './tables.ts';

/** Held-out bits per byte of the world during training. The numbers are of a part of the held-out text. */
export function curves(runs: readonly Run[]): Plot {
  return {
    title: 'Held-out bits per byte of the small world',
    x: { label: 'tokens read, millions', scale: 'log10' },
    y: { label: 'bits per byte', scale: 'log10' },
    series: runs.map(({ name, looks }) => ({
      name,
      points: looks.map(({ tokens, held }) => [tokens / 1e6, held.world] as const),
    })),
  };
}

/** The load of the hottest or the coldest expert of each layer on the held-out text. */
export function loadPlot(runs: readonly Run[], which: 'hottest' | 'coldest'): Plot {
  return {
    title: `The ${which} expert of each layer`,
    x: { label: 'layer', scale: 'linear' },
    y: { label: 'times the uniform share', scale: 'linear' },
    series: runs.map((run) => ({
      name: run.name,
      points: (finalOf(run, 'trained')[which] ?? []).map((load, layer) => [layer, load] as const),
    })),
  };
}
