// Measures the points of one process, and the rows of a frame with bench/parts/hop.ts.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ModelConfig } from '../../model/config/config.ts';
import { positionBytes } from '../comparison/floor.ts';
import { taskOf } from '../comparison/measure.ts';
import { ours } from '../comparison/ours.ts';
import { type Load, warmUp, warmUps } from '../comparison/rows.ts';
import type { Generation } from '../engine.ts';
import { decodeAtOnce, decodeRate, firstTokenSeconds } from '../load/rate.ts';
import type { Quiet } from '../quiet.ts';
import type { Measure, Point, Setup } from './points.ts';

/** Tokens of a stream beyond which a load is not repeated with more. */
const MOST_TOKENS = 1000;

interface SetupOptions {
  /** Directory of the bundle. */
  model: string;
  config: ModelConfig;
  quiet: Quiet;
  /** Measures the points from the last to the first, so that no point is always the first after a start. */
  isReversed: boolean;
}

/** Starts the process afresh, warms it up, and resolves to the milliseconds of each point: of a decode step, or of all prompts. */
export async function measureSetup(
  { table, flags, points }: Setup,
  { model, config, quiet, isReversed }: SetupOptions,
): Promise<Map<Point, number>> {
  const engine = ours({ name: table, model, files: [], flags, positionBytes: positionBytes(config) });
  const running = await engine.start();
  const generate: Generate = (load) => running.generate(taskOf(load, config.vocab));
  const times = new Map<Point, number>();
  try {
    const last = Math.max(...points.map(({ streams }) => streams));
    for (let i = 0; i < warmUps; i++) await generate(warmUp);
    await generate({ ...warmUp, prompt: 16, streams: last, tokens: 65 });
    await quiet.settle();
    for (const point of isReversed ? points.toReversed() : points) {
      times.set(point, await quiet.measure(() => msOf[point.measure](point, generate)));
    }
  } finally {
    await running.stop();
  }
  return times;
}

type Generate = (load: Load) => Promise<Generation>;

const msOf: Record<Measure, (point: Point, generate: Generate) => Promise<number>> = {
  decode: stepMs,
  prefill: async (point, generate) => 1000 * firstTokenSeconds(await generate(point)),
};

/** If a machine is so busy that some streams end before others begin, the streams get more tokens. */
async function stepMs(point: Point, generate: Generate): Promise<number> {
  for (let { tokens } = point; ; tokens *= 2) {
    const generation = await generate({ ...point, tokens });
    if (decodeAtOnce(generation) || tokens > MOST_TOKENS) {
      return (1000 * point.streams) / decodeRate(generation);
    }
  }
}

/** A line of the JSON of bench/parts/hop.ts. Times are medians in microseconds. */
export interface HopLine {
  rows: number;
  echoUs: number;
  hopUs: number;
  inProcessUs: number;
}

/** One frame of these numbers of rows, to one shard. */
export async function measureRows(rows: readonly number[], hops: number): Promise<HopLine[]> {
  const bench = fileURLToPath(new URL('../parts/hop.ts', import.meta.url));
  const args = [bench, '--rows', rows.join(','), '--hops', String(hops)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { lines }: { lines: HopLine[] } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return lines;
}
