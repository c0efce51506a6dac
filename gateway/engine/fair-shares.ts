// How owners of running sequences stand, from step to step: what each may have of the next one, and what it had. Knows no
// clock and no device; what steps cost is told to it.
import {
  generating,
  type Part,
  type Planned,
  type Progress,
  rowsToCatchUp,
  type StepLimits,
} from './scheduler.ts';
import { type Demand, divide, promptRows, settle } from './shares.ts';

export interface Costs {
  /** Milliseconds of a step with so many rows of those that generate. */
  stepMs(rows: number): number;
  /** Milliseconds of a prompt's row beside them. */
  readonly promptRowMs: number;
}

export interface PartsOptions {
  costs: Costs;
  prefillShare: number;
  minPrefillRows: number;
  /** Rows that catch up in a step in which they may take such a share (0 to 1) of its time beside so many sequences. */
  limits: (generating: number, share: number) => StepLimits;
}

export class FairShares {
  /** `[owners]`, what each asks of the step that was planned last; empty while there is one owner. */
  #demands = new Map<string, Demand>();

  /** What each owner may have of the next step; undefined where one has all of it. */
  parts(
    running: readonly Progress[],
    { costs, prefillShare, minPrefillRows, limits }: PartsOptions,
  ): Map<string, Part> | undefined {
    const byOwner = Map.groupBy(running, ({ owner }) => owner);
    if (byOwner.size < 2) {
      this.#demands.clear();
      return undefined;
    }
    this.#demands = new Map(
      [...byOwner].map(([owner, own]) => {
        const lag = this.#demands.get(owner)?.lag ?? 0;
        return [owner, { lag, ...demandOf(own, minPrefillRows) }];
      }),
    );
    const demands = [...this.#demands.values()];
    const stepMs = (rows: number) => costs.stepMs(rows);
    const division = divide(demands, { stepMs, prefillShare });
    const count = division.rows.reduce((sum, rows) => sum + rows, 0);
    const budget = division.promptShare === 0 ? 0 : limits(count, division.promptShare).prefillRows;
    const prompts = promptRows(demands, { parts: division.prompts, budget, least: 2 * minPrefillRows });
    return new Map(
      [...this.#demands.keys()].map((owner, i) => {
        return [owner, { rows: division.rows[i] ?? 0, prefillRows: prompts[i] ?? 0 }];
      }),
    );
  }

  /** To be told what was computed of the step that was planned last, by those who may have left since. */
  settle(
    spans: readonly Planned<Progress>[],
    { costs, others }: { costs: Costs; others: readonly Progress[] },
  ): void {
    if (this.#demands.size === 0) return;
    const decoding = new Set(others);
    const owners = [...this.#demands.keys()];
    const had = owners.map(() => ({ rows: 0, promptRows: 0 }));
    for (const { sequence, count } of spans) {
      const of = had[owners.indexOf(sequence.owner)];
      if (of !== undefined) of[decoding.has(sequence) ? 'rows' : 'promptRows'] += count;
    }
    const demands = [...this.#demands.values()];
    const { promptRowMs } = costs;
    const lags = settle(demands, had, { stepMs: (rows) => costs.stepMs(rows), promptRowMs });
    for (const [i, demand] of demands.entries()) demand.lag = lags[i] ?? 0;
  }
}

function demandOf(own: readonly Progress[], minPrefillRows: number): Omit<Demand, 'lag'> {
  const rows = generating(own, minPrefillRows).reduce((sum, { drafts }) => sum + 1 + drafts.length, 0);
  const prompts = own.reduce((sum, each) => sum + rowsToCatchUp(each, minPrefillRows), 0);
  return { weight: own[0]?.weight ?? 1, rows, prompts };
}
