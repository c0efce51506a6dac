// The data of the console's plots: the last ten minutes by the second and the last day by the minute, made from samples of
// counters. The caller passes the time.
import { Ring, type Stretch } from './ring.ts';
import { quantile, type Tally } from './tally.ts';

/** Names of the columns. Counters are rates for each second, times are in seconds, and `kv_used` is a share (0 to 1). */
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

/** Sums over all engines. */
export interface EngineTotals {
  promptTokens: number;
  generatedTokens: number;
  running: number;
  waiting: number;
  /** Share of the KV memory that is in use (0 to 1). */
  kvUsed: number;
}

const rates = ['requests', 'errors', 'refused'] as const;
const tokens = { prompt_tokens: 'promptTokens', generated_tokens: 'generatedTokens' } as const;
const gauges = { running: 'running', waiting: 'waiting', kv_used: 'kvUsed' } as const;

interface Look {
  atMs: number;
  tally: Record<(typeof rates)[number], number>;
  first: readonly number[];
  next: readonly number[];
  engines: EngineTotals | undefined;
}

/** Quantiles of a second cover this much of the past, because single requests are rare. */
const WINDOW_MS = 20_000;
const MINUTE_MS = 60_000;
const LATE_MS = 5_000;

export class History {
  /** 12 columns of 4 bytes take 28,800 bytes for ten minutes and 69,120 bytes for a day, whatever the traffic. */
  readonly seconds = new Ring({ columns: columns.length, rows: 600, stepMs: 1_000 });
  readonly minutes = new Ring({ columns: columns.length, rows: 1_440, stepMs: MINUTE_MS });
  readonly #tally: Tally;
  /** Samples within the window, oldest first. */
  #looks: Look[] = [];
  /** First sample of the current minute, and the largest values since. */
  #minute: { from: Look; peaks: Partial<Row> } | undefined;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** Counts since the start. */
  get totals(): Record<(typeof rates)[number], number> {
    const { requests, errors, refused } = this.#tally;
    return { requests, errors, refused };
  }

  /** Takes a sample. Call it about once a second with an `atMs` that never goes back. */
  look(atMs: number, engines: EngineTotals | undefined): void {
    const { firstToken, nextToken } = this.#tally;
    const now: Look = {
      atMs,
      tally: this.totals,
      first: [...firstToken.counts],
      next: [...nextToken.counts],
      engines,
    };
    const before = this.#looks.at(-1);
    if (before !== undefined) {
      const row = { ...this.#rates(before, now), ...this.#quantiles(this.#looks[0] ?? before, now) };
      const values = inOrder({ ...row, ...peaksOf(engines) });
      // A sample that is a little late also fills the seconds that it missed. A long silence stays a gap.
      const from = atMs - before.atMs > LATE_MS ? atMs : Math.min(before.atMs + 1_000, atMs);
      for (let at = from; at < atMs; at += 1_000) this.seconds.put(at, values);
      this.seconds.put(atMs, values);
    }
    this.#lookAtMinute(now);
    this.#looks = [...this.#looks.filter((look) => look.atMs > atMs - WINDOW_MS), now];
  }

  /** When a minute is over, its row gets the rates and quantiles of the whole minute and the peaks of the gauges. */
  #lookAtMinute(now: Look): void {
    const { from, peaks } = this.#minute ?? { from: now, peaks: {} };
    if (Math.floor(from.atMs / MINUTE_MS) === Math.floor(now.atMs / MINUTE_MS)) {
      this.#minute = { from, peaks: higher(peaks, peaksOf(now.engines)) };
      return;
    }
    const row = { ...this.#rates(from, now), ...this.#quantiles(from, now), ...peaks };
    this.minutes.put(from.atMs, inOrder(row));
    this.#minute = { from: now, peaks: peaksOf(now.engines) };
  }

  #rates(before: Look, now: Look): Partial<Row> {
    const seconds = (now.atMs - before.atMs) / 1_000;
    const row: Partial<Row> = {};
    for (const name of rates) row[name] = (now.tally[name] - before.tally[name]) / seconds;
    if (now.engines === undefined || before.engines === undefined) return row;
    for (const [column, name] of Object.entries(tokens) as [Column, keyof EngineTotals][]) {
      row[column] = (now.engines[name] - before.engines[name]) / seconds;
    }
    return row;
  }

  #quantiles(before: Look, now: Look): Partial<Row> {
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

/** The columns by name, with numbers rounded to four significant digits. */
export function seriesOf({ columns: values }: Stretch): Record<Column, (number | null)[]> {
  const rounded = (value: number | null) => (value === null ? null : Number(value.toPrecision(4)));
  const entries = columns.map((name, i) => [name, (values[i] ?? []).map(rounded)]);
  return Object.fromEntries(entries) as Record<Column, (number | null)[]>;
}

function peaksOf(engines: EngineTotals | undefined): Partial<Row> {
  if (engines === undefined) return {};
  const entries = Object.entries(gauges) as [Column, keyof EngineTotals][];
  return Object.fromEntries(entries.map(([column, name]) => [column, engines[name]]));
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
