// The console's pure modules, as browsers load them: plain JavaScript, whose types stand here. Knows no page.
const at = (name: string) => import(new URL(`../../console/${name}`, import.meta.url).href);

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Histogram {
  bounds: number[];
  counts: number[];
}

export interface Look {
  at: number;
  tokens: number;
  first: Histogram;
  next: Histogram;
}

interface Quantiles {
  median: number;
  slow: number;
}

interface History {
  points: { at: number; rate?: number; first?: Quantiles; next?: Quantiles }[];
  add(look: Look): void;
}

export interface Cell {
  layer: number;
  expert: number;
}

interface HeatGrid {
  height: number;
  ticks: { experts: number[]; layers: number[] };
  box(cell: Cell): { x: number; y: number; width: number; height: number };
  cellAt(x: number, y: number): Cell | undefined;
}

interface Size {
  layers: number;
  experts: number;
}

export const samples: {
  parseSamples(page: string, wanted?: (name: string) => boolean): Map<string, Sample[]>;
  total(samples: ReadonlyMap<string, Sample[]>, name: string): number | undefined;
  histogram(samples: ReadonlyMap<string, Sample[]>, name: string): Histogram;
} = await at('samples.js');

export const history: {
  History: new () => History;
  lookOf(samples: ReadonlyMap<string, Sample[]>, at: number): Look;
  quantile(histogram: Histogram, share: number): number | undefined;
} = await at('history.js');

export const grid: {
  HeatGrid: new (options: Size & { width: number; density: number }) => HeatGrid;
  moved(cell: Cell, key: string, size: Size): Cell | undefined;
} = await at('heat-grid.js');

export const colours: {
  palette(stops: readonly string[]): string[];
  shadeOf(ratio: number): number;
} = await at('heat-colours.js');

export const events: {
  eventData(pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined>;
} = await at('events.js');

export const scale: {
  roundTop(most: number): number;
  pathOf(places: readonly (readonly [number, number] | undefined)[]): string;
} = await at('scale.js');

export const format: {
  count(value: number): string;
  duration(seconds: number): { value: string; unit: string };
  bytes(amount: number): string;
  percent(share: number): string;
} = await at('format.js');
