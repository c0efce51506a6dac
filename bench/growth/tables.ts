// Turns measured times into the growth tables, their text and their plots. Pure functions.
import type { FloorShape } from '../comparison/floor.ts';
import type { Plot, PlotSeries } from '../drawing/plot.ts';
import { table as textTable } from '../print.ts';
import { median } from '../statistics.ts';
import { IN_PROCESS, type Measure, type Point, type TableName } from './points.ts';
import { decodeWork, growthOf, prefillWork } from './work.ts';

export interface LinePoint {
  x: number;
  /** Milliseconds of a decode step, of all prompts, or of a hop: the median of `samples`. */
  ms: number;
  samples: readonly number[];
  /** Multiply-adds, or rows of a frame. */
  work: number;
  /** Tokens a second of all streams, if the point has tokens. */
  rate: number | undefined;
}

export interface Line {
  name: string;
  points: readonly LinePoint[];
}

export interface Table {
  name: TableName;
  title: string;
  /** What is varied. */
  x: string;
  lines: readonly Line[];
}

const titles: Record<TableName, Pick<Table, 'title' | 'x'>> = {
  streams: { title: 'Streams in one process', x: 'streams' },
  context: { title: 'Context of one stream in one process', x: 'tokens before' },
  shards: { title: 'Shards on one machine', x: 'shards' },
  rows: { title: 'Rows of a frame to one shard', x: 'rows' },
};

/** `samples`: milliseconds of each point, one for each round. */
export function tableOf(
  name: TableName,
  samples: ReadonlyMap<Point, readonly number[]>,
  shape: FloorShape,
): Table {
  const lines = Map.groupBy(samples, ([{ line }]) => line);
  return {
    name,
    ...titles[name],
    lines: [...lines].map(([line, entries]) => ({
      name: line,
      points: entries.map(([point, times]) => linePoint(point, times, shape)),
    })),
  };
}

const workOf: Record<Measure, (shape: FloorShape, point: Point) => number> = {
  decode: (shape, { streams, prompt, tokens }) => decodeWork(shape, streams, prompt + tokens / 2),
  prefill: (shape, { streams, prompt }) => prefillWork(shape, streams, prompt),
};

function linePoint(point: Point, samples: readonly number[], shape: FloorShape): LinePoint {
  const { x, measure, streams, prompt } = point;
  const ms = median(samples) ?? Number.NaN;
  const tokens = measure === 'decode' ? streams : streams * prompt;
  return { x, ms, samples, work: workOf[measure](shape, point), rate: (1000 * tokens) / ms };
}

/** The table of a hop: a line for each name, with the milliseconds of each round at each number of rows. */
export function rowsTable(lines: ReadonlyMap<string, ReadonlyMap<number, readonly number[]>>): Table {
  return {
    name: 'rows',
    ...titles.rows,
    lines: [...lines].map(([name, points]) => ({
      name,
      points: [...points].map(([rows, samples]) => {
        return { x: rows, ms: median(samples) ?? Number.NaN, samples, work: rows, rate: undefined };
      }),
    })),
  };
}

/** The table as lines of text. `*` marks a time that grew faster than the work from the point before. */
export function textOf({ title, x, lines }: Table): string[] {
  const head = [x, 'tokens/s', 'ms', 'time', 'work', ''];
  return lines.flatMap(({ name, points }) => {
    const growth = growthOf(points.map(({ ms, work }) => ({ time: ms, work })));
    const cells = points.map(({ x: value, ms, rate }, i) => [
      value === IN_PROCESS ? 'in process' : String(value),
      rate === undefined ? '-' : rate.toFixed(rate < 100 ? 1 : 0),
      ms.toFixed(ms < 10 ? 3 : 1),
      i === 0 ? '' : `x ${growth[i]!.time.toFixed(2)}`,
      i === 0 ? '' : `x ${growth[i]!.work.toFixed(2)}`,
      growth[i]!.outgrows ? '*' : '',
    ]);
    return [`${title}: ${name}`, ...textTable(head, cells), ''];
  });
}

export function plotOf({ name, title, x, lines }: Table): Plot {
  const hasRates = lines.some(({ points }) => points.some(({ rate }) => rate !== undefined));
  return {
    title,
    x: { label: x, scale: 'log2' },
    y: { label: hasRates ? 'tokens a second' : 'µs', scale: 'log10' },
    series: lines.flatMap((line) => (name === 'shards' ? withLevel(line) : [seriesOf(line)])),
  };
}

function seriesOf({ name, points }: Line): PlotSeries {
  return { name, points: points.map(({ x, ms, rate }) => [x, rate ?? 1000 * ms] as const) };
}

/** The speed in process is a level beside the speeds with shards. */
function withLevel(line: Line): PlotSeries[] {
  const { name, points } = seriesOf(line);
  const sharded = points.filter(([x]) => x !== IN_PROCESS);
  const level = points.find(([x]) => x === IN_PROCESS)?.[1];
  if (level === undefined) return [{ name, points: sharded }];
  return [
    { name, points: sharded },
    { name: `${name}, in process`, points: sharded.map(([x]) => [x, level] as const) },
  ];
}
