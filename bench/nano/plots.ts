// Plots of training runs. Pure.
import type { Plot } from '../drawing/plot.ts';
import { finalOf, type Reading } from './tables.ts';

/** Held-out bits per byte of the world during training. The numbers are of a part of the held-out text. */
export function curves(readings: readonly Reading[]): Plot {
  return {
    title: 'Held-out bits per byte of the small world',
    x: { label: 'tokens read, millions', scale: 'log10' },
    y: { label: 'bits per byte', scale: 'log10' },
    series: readings.map(({ run: { name, looks } }) => ({
      name,
      points: looks.map(({ tokens, held }) => [tokens / 1e6, held.world] as const),
    })),
  };
}

/** The load of the hottest or the coldest expert of each layer on the held-out text. */
export function loadPlot(readings: readonly Reading[], which: 'hottest' | 'coldest'): Plot {
  return {
    title: `The ${which} expert of each layer`,
    x: { label: 'layer', scale: 'linear' },
    y: { label: 'times the uniform share', scale: 'linear' },
    series: readings.map(({ run, experts }) => ({
      name: run.name,
      points: (finalOf(run, 'trained', experts)[which] ?? []).map((load, layer) => [layer, load] as const),
    })),
  };
}
