// The budget of a hop: what it may cost if shards are to keep a share of the speed in one process, and what it does cost.
// Pure functions.
import { table } from '../print.ts';
import { type Row, shardedSubjects, streamsOf } from './rows.ts';
import type { Samples } from './samples.ts';

/** Shares of the speed in one process for which the budget is printed. */
const SHARES = [0.75, 0.85] as const;

/**
 * Microseconds by which a layer may take longer with shards than in one process, if `share` (0–1) of the speed is to be left.
 * `stepMs` is the time of a step in one process.
 */
export function hopBudgetUs(stepMs: number, share: number, layers: number): number {
  return hopCostUs(stepMs, stepMs / share, layers);
}

/** Microseconds by which a layer takes longer with shards. Both times are of a whole step. */
function hopCostUs(stepMs: number, shardedMs: number, layers: number): number {
  return (1000 * (shardedMs - stepMs)) / layers;
}

export interface BudgetLine {
  title: string;
  /** Milliseconds of a step in one process, and with shards. */
  stepMs: number;
  shardedMs: number;
  /** Budgets for `SHARES`. */
  budgetsUs: number[];
  costUs: number;
}

/** A line for each of these rows that compares the decode speed of shards and of one process, if both were measured. */
export function budgetOf(rows: readonly Row[], samples: Samples, layers: number): BudgetLine[] {
  return rows.flatMap(({ title, subject, figure }) => {
    const streams = streamsOf(figure);
    const [rate, shardedRate] = [samples.median('local', figure), samples.median(subject, figure)];
    if (!(subject in shardedSubjects) || !streams || !rate || !shardedRate) return [];
    const [stepMs, shardedMs] = [(1000 * streams) / rate, (1000 * streams) / shardedRate];
    const budgetsUs = SHARES.map((share) => hopBudgetUs(stepMs, share, layers));
    return [{ title, stepMs, shardedMs, budgetsUs, costUs: hopCostUs(stepMs, shardedMs, layers) }];
  });
}

export function budgetTable(lines: readonly BudgetLine[]): string[] {
  const budgets = SHARES.map((share) => `${share}x leaves, µs a hop`);
  const head = ['budget of a hop', 'in process, ms a step', 'with shards, ms a step', 'share', ...budgets];
  const cells = lines.map(({ title, stepMs, shardedMs, budgetsUs, costUs }) => [
    title,
    stepMs.toFixed(1),
    shardedMs.toFixed(1),
    `${(stepMs / shardedMs).toFixed(2)}x`,
    ...[...budgetsUs, costUs].map((us) => us.toFixed(0)),
  ]);
  return table([...head, 'measured, µs a hop'], cells);
}
