// Keeps the data of the console's plots: the last ten minutes by the second, and the last day by the minute. The data is made from
// samples of counters. The caller passes the time.
import { Ring, type Stretch } from './ring.ts';
import { quantile, type Tally } from './tally.ts';

/** Names of the columns. Counters are rates per second, times are in seconds, and `kv_used` is a share (0 to 1). */
export const columns = [
  'requests',
  'errors',
  'refused',
  'prompt_tokens',
  'generated_tokens',
  'first_token_median',
  'first_token_p95',
  'next_token_median',
  'next_token_p95',
  'running',
  'waiting',
  'kv_used',
] as const;
type Column = (typeof columns)[number];
type Row = Record<Column, number | undefined>;

/** Three kinds of columns: counts of requests (see tally.ts), counters of the engines, and gauges of the engines. */
const tallied = ['requests', 'errors', 'refused'] as const;
const tokens = ['prompt_tokens', 'generated_tokens'] as const;
const gauges = ['running', 'waiting', 'kv_used'] as const;

type Totals = Record<(typeof tallied)[number], number>;

/** The counters and gauges of the engines, by column, as sums over all engines. */
export type EngineTotals = Record<(typeof tokens | typeof gauges)[number], number>;

/** The counters at one moment. */
interface Sample {
  atMs: number;
  tally: Totals;
  first: readonly number[];
  next: readonly number[];
  engines: EngineTotals | undefined;
}

/** The quantiles of a second are made from this much of the past, because there may be few requests in one second. */
const WINDOW_MS = 20_000;
const MINUTE_MS = 60_000;
/** If two samples are at most this far apart, the seconds between them are filled. After a longer pause they stay unknown. */
const LATE_MS = 5_000;

export class History {
  /** Ten minutes take 28,800 bytes and a day takes 69,120 bytes, whatever the traffic: each row has 12 numbers of 4 bytes. */
  readonly seconds = new Ring({ columns: columns.length, rows: 600, stepMs: 1_000 });
  readonly minutes = new Ring({ columns: columns.length, rows: 1_440, stepMs: MINUTE_MS });
  readonly #tally: Tally;
  /** Samples of the last `WINDOW_MS`, oldest first. */
  #samples: Sample[] = [];
  /** The first sample of the current minute, and the largest values of the gauges since then. */
  #minute: { from: Sample; peaks: Partial<Row> } | undefined;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** Counts of requests since the process started. */
  get totals(): Totals {
    const { requests, errors, refused } = this.#tally;
    return { requests, errors, refused };
  }

  /** Takes a sample. Must be called about once a second, with an `atMs` that never decreases. */
  sample(atMs: number, engines: EngineTotals | undefined): void {
    const { firstToken, nextToken } = this.#tally;
    const now: Sample = {
      atMs,
      tally: this.totals,
      first: [...firstToken.counts],
      next: [...nextToken.counts],
      engines,
    };
    const before = this.#samples.at(-1);
    if (before !== undefined) {
      const row = { ...this.#rates(before, now), ...this.#quantiles(this.#samples[0] ?? before, now) };
      const values = inOrder({ ...row, ...gaugesOf(engines) });
      // A sample that is a little late also fills the seconds that were missed.
      const from = atMs - before.atMs > LATE_MS ? atMs : Math.min(before.atMs + 1_000, atMs);
      for (let at = from; at < atMs; at += 1_000) this.seconds.put(at, values);
      this.seconds.put(atMs, values);
    }
    this.#sampleMinute(now);
    this.#samples = [...this.#samples.filter((sample) => sample.atMs > atMs - WINDOW_MS), now];
  }

  /** When a minute is over, writes its row: the rates and quantiles of the whole minute, and the largest values of the gauges. */
  #sampleMinute(now: Sample): void {
    const { from, peaks } = this.#minute ?? { from: now, peaks: {} };
    if (Math.floor(from.atMs / MINUTE_MS) === Math.floor(now.atMs / MINUTE_MS)) {
      this.#minute = { from, peaks: higher(peaks, gaugesOf(now.engines)) };
      return;
    }
    const row = { ...this.#rates(from, now), ...this.#quantiles(from, now), ...peaks };
    this.minutes.put(from.atMs, inOrder(row));
    this.#minute = { from: now, peaks: gaugesOf(now.engines) };
  }

  #rates(before: Sample, now: Sample): Partial<Row> {
    const seconds = (now.atMs - before.atMs) / 1_000;
    const row: Partial<Row> = {};
    for (const name of tallied) row[name] = (now.tally[name] - before.tally[name]) / seconds;
    if (now.engines === undefined || before.engines === undefined) return row;
    for (const name of tokens) row[name] = (now.engines[name] - before.engines[name]) / seconds;
    return row;
  }

  #quantiles(before: Sample, now: Sample): Partial<Row> {
    const { firstToken, nextToken } = this.#tally;
    const first = difference(now.first, before.first);
    const next = difference(now.next, before.next);
    return {
      first_token_median: quantile(firstToken.bounds, first, 0.5),
      first_token_p95: quantile(firstToken.bounds, first, 0.95),
      next_token_median: quantile(nextToken.bounds, next, 0.5),
      next_token_p95: quantile(nextToken.bounds, next, 0.95),
    };
  }
}

/** The columns by name. Values are rounded to four significant digits. */
export function seriesOf({ columns: values }: Stretch): Record<Column, (number | null)[]> {
  const rounded = (value: number | null) => (value === null ? null : Number(value.toPrecision(4)));
  const entries = columns.map((name, i) => [name, (values[i] ?? []).map(rounded)]);
  return Object.fromEntries(entries) as Record<Column, (number | null)[]>;
}

/** The columns of the gauges. */
function gaugesOf(engines: EngineTotals | undefined): Partial<Row> {
  return engines === undefined ? {} : Object.fromEntries(gauges.map((name) => [name, engines[name]]));
}

function higher(a: Partial<Row>, b: Partial<Row>): Partial<Row> {
  const higherOf = (column: Column) => Math.max(a[column] ?? 0, b[column] ?? 0);
  const known = columns.filter((column) => a[column] !== undefined || b[column] !== undefined);
  return Object.fromEntries(known.map((column) => [column, higherOf(column)]));
}

function difference(now: readonly number[], before: readonly number[]): number[] {
  return now.map((count, i) => count - (before[i] ?? 0));
}

function inOrder(row: Partial<Row>): (number | undefined)[] {
  return columns.map((column) => row[column]);
}
