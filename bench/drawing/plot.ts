// Draws a line plot as the text of an SVG file. Pure: the same data give the same text.
import { escaped } from './svg.ts';

/** An axis whose values double (`log2`), whose values span decades (`log10`), or that is linear from 0 (`linear`). */
export interface Axis {
  label: string;
  scale: 'log2' | 'log10' | 'linear';
}

export interface PlotSeries {
  name: string;
  /** Pairs of x and y. */
  points: readonly (readonly [number, number])[];
}

export interface Plot {
  title: string;
  x: Axis;
  y: Axis;
  series: readonly PlotSeries[];
}

const WIDTH = 760;
const HEIGHT = 440;
/** Space around the area of the lines. The legend is to the right of it. */
const LEFT = 76;
const RIGHT = 240;
const TOP = 44;
const BOTTOM = 56;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;
const LEGEND_ROW = 22;
/** Colours that people with any kind of colour vision can tell apart. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'];
/** Series after the last colour have the first colours again, and these dashes. */
const DASHES = ' stroke-dasharray="7 4"';

/** Throws if there is nothing to draw, or if a value cannot stand on a logarithmic axis. */
export function plotSvg({ title, x, y, series }: Plot): string {
  const points = series.flatMap((each) => each.points);
  const xAxis = scaleOf(
    x,
    points.map(([value]) => value),
  );
  const yAxis = scaleOf(
    y,
    points.map(([, value]) => value),
  );
  const at = (value: readonly [number, number]) =>
    [LEFT + PLOT_WIDTH * xAxis.place(value[0]), TOP + PLOT_HEIGHT * (1 - yAxis.place(value[1]))] as const;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, TOP - 18, title, 'font-size="15" font-weight="bold"'),
    ...xAxis.ticks.flatMap((tick) => verticalTick(LEFT + PLOT_WIDTH * xAxis.place(tick), tick)),
    ...yAxis.ticks.flatMap((tick) => horizontalTick(TOP + PLOT_HEIGHT * (1 - yAxis.place(tick)), tick)),
    `<rect x="${LEFT}" y="${TOP}" width="${PLOT_WIDTH}" height="${PLOT_HEIGHT}" fill="none" stroke="#444444"/>`,
    text(LEFT + PLOT_WIDTH / 2, HEIGHT - 14, x.label, 'text-anchor="middle"'),
    text(
      18,
      TOP + PLOT_HEIGHT / 2,
      y.label,
      `text-anchor="middle" transform="rotate(-90 18 ${TOP + PLOT_HEIGHT / 2})"`,
    ),
    ...series.flatMap((each, i) => line(each, at, strokeOf(i))),
    ...series.flatMap(({ name }, i) => legend(name, i, strokeOf(i))),
    '</svg>',
    '',
  ].join('\n');
}

interface Scale {
  ticks: number[];
  /** Place of a value between the ends of the axis, 0 to 1. */
  place: (value: number) => number;
}

function scaleOf({ label, scale }: Axis, values: readonly number[]): Scale {
  if (values.length === 0) throw new Error(`a plot over ${label} has no points`);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (scale === 'linear') return linear(most);
  if (!(least > 0)) throw new Error(`${least} cannot stand on the logarithmic axis ${label}`);
  return scale === 'log2' ? doubling(least, most) : decades(least, most);
}

function doubling(least: number, most: number): Scale {
  const from = Math.floor(Math.log2(least));
  const to = Math.max(from + 1, Math.ceil(Math.log2(most)));
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i));
  return { ticks, place: (value) => (Math.log2(value) - from) / (to - from) };
}

/** Ticks at 1, 2 and 5 of each decade, from the last at or below `least` to the first at or above `most`. */
function decades(least: number, most: number): Scale {
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(most)) + 1;
  const all = Array.from({ length: last - first + 1 }, (_, i) => first + i).flatMap((power) =>
    [1, 2, 5].map((digit) => (power < 0 ? digit / 10 ** -power : digit * 10 ** power)),
  );
  const from = all.findLastIndex((tick) => tick <= least);
  const to = Math.max(
    from + 1,
    all.findIndex((tick) => tick >= most),
  );
  const ticks = all.slice(from, to + 1);
  const [low, high] = [Math.log10(ticks[0]!), Math.log10(ticks.at(-1)!)];
  return { ticks, place: (value) => (Math.log10(value) - low) / (high - low) };
}

/** About five ticks at multiples of 1, 2 or 5 times a power of ten, from 0. */
function linear(most: number): Scale {
  const rough = (most > 0 ? most : 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((digit) => digit * power >= rough) ?? 10);
  const count = Math.max(1, Math.ceil(most / step));
  return {
    ticks: Array.from({ length: count + 1 }, (_, i) => i * step),
    place: (value) => value / (count * step),
  };
}

type Place = (value: readonly [number, number]) => readonly [number, number];

interface Stroke {
  colour: string;
  dashes: string;
}

function strokeOf(series: number): Stroke {
  return {
    colour: COLOURS[series % COLOURS.length]!,
    dashes: series < COLOURS.length ? '' : DASHES,
  };
}

function line({ points }: PlotSeries, at: Place, { colour, dashes }: Stroke): string[] {
  const places = points.map((point) => at(point).map(rounded));
  return [
    `<polyline fill="none" stroke="${colour}" stroke-width="2"${dashes} points="${places.map((place) => place.join(',')).join(' ')}"/>`,
    ...places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour}"/>`),
  ];
}

function legend(name: string, index: number, { colour, dashes }: Stroke): string[] {
  const [x, y] = [WIDTH - RIGHT + 16, TOP + 12 + index * LEGEND_ROW];
  return [
    `<line x1="${x}" y1="${y}" x2="${x + 22}" y2="${y}" stroke="${colour}" stroke-width="2"${dashes}/>`,
    `<circle cx="${x + 11}" cy="${y}" r="3.5" fill="${colour}"/>`,
    text(x + 30, y + 4, name),
  ];
}

function verticalTick(x: number, value: number): string[] {
  return [
    `<line x1="${rounded(x)}" y1="${TOP}" x2="${rounded(x)}" y2="${TOP + PLOT_HEIGHT}" stroke="#dddddd"/>`,
    text(x, TOP + PLOT_HEIGHT + 18, amount(value), 'text-anchor="middle"'),
  ];
}

function horizontalTick(y: number, value: number): string[] {
  return [
    `<line x1="${LEFT}" y1="${rounded(y)}" x2="${LEFT + PLOT_WIDTH}" y2="${rounded(y)}" stroke="#dddddd"/>`,
    text(LEFT - 8, y + 4, amount(value), 'text-anchor="end"'),
  ];
}

function text(x: number, y: number, words: string, more = ''): string {
  return `<text x="${rounded(x)}" y="${rounded(y)}" fill="#222222"${more === '' ? '' : ` ${more}`}>${escaped(words)}</text>`;
}

/** 12345 becomes 12,345; values below 1 keep up to three digits. */
function amount(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 6 });
}

function rounded(value: number): number {
  return Math.round(10 * value) / 10;
}
