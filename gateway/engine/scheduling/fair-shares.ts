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
import { type Demand, divide, ownTime, promptRows, settle } from './shares.ts';

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

/** Milliseconds that an owner's own work may hold up all others at once. */
const MOST_OWN_MS = 10;
/** The same of the only owner: it holds up its own sequences alone. */
const MOST_ALONE_MS = 20;
/** An owner whose others have no rows to compute gets so much all the same. */
const LEAST_OTHERS_MS = 2;
/** An owner that left while it was ahead waits for this part of the time that passes without it. */
const PART_OF_ABSENT = 1 / 2;

export class FairShares {
  /** `[owners]`, what each asks of the step that was planned last; empty while there is one owner. */
  #demands = new Map<string, Demand>();
  /** Milliseconds spent beside rows since the last step was settled. */
  readonly #spent = new Map<string, number>();
  /** Of owners that left while they were ahead: by how much, so that coming back is no new beginning. Milliseconds below 0. */
  readonly #absent = new Map<string, number>();

  /** Milliseconds that each owner may spend beside rows before the next step; see shares.ts. */
  ownTime(
    running: readonly Progress[],
    { costs, minPrefillRows }: Pick<PartsOptions, 'costs' | 'minPrefillRows'>,
  ): Map<string, number> {
    const demands = this.#demandsOf(running, minPrefillRows);
    const stepMs = (rows: number) => costs.stepMs(rows);
    const times = ownTime([...demands.values()], {
      stepMs,
      leastMs: LEAST_OTHERS_MS,
      mostMs: MOST_OWN_MS,
      aloneMs: MOST_ALONE_MS,
    });
    return new Map([...demands.keys()].map((owner, i) => [owner, times[i] ?? 0]));
  }

  /** To be told what was spent for an owner beside rows. */
  spend(owner: string, ms: number): void {
    this.#spent.set(owner, (this.#spent.get(owner) ?? 0) + ms);
  }

  /** Spent for all owners since the last step was settled, in milliseconds. */
  get spentMs(): number {
    let ms = 0;
    for (const each of this.#spent.values()) ms += each;
    return ms;
  }

  /** What each owner may have of the next step; undefined where one has all of it. */
  parts(
    running: readonly Progress[],
    { costs, prefillShare, minPrefillRows, limits }: PartsOptions,
  ): Map<string, Part> | undefined {
    const asked = this.#demandsOf(running, minPrefillRows);
    for (const [owner, { lag }] of this.#demands) {
      if (lag < 0 && !asked.has(owner)) this.#absent.set(owner, lag);
    }
    for (const owner of asked.keys()) this.#absent.delete(owner);
    this.#demands = asked;
    if (asked.size < 2) {
      this.#demands.clear();
      return undefined;
    }
    const demands = [...asked.values()];
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

  /** To be told what was computed of the step that was planned last, by those who may have left since, and how long it took. */
  settle(
    spans: readonly Planned<Progress>[],
    { costs, others, ms }: { costs: Costs; others: readonly Progress[]; ms: number },
  ): void {
    for (const [owner, lag] of this.#absent) {
      if (lag + PART_OF_ABSENT * ms < 0) this.#absent.set(owner, lag + PART_OF_ABSENT * ms);
      else this.#absent.delete(owner);
    }
    const spent = new Map(this.#spent);
    this.#spent.clear();
    if (this.#demands.size === 0) return;
    const decoding = new Set(others);
    const owners = [...this.#demands.keys()];
    const had = owners.map((owner) => ({ rows: 0, promptRows: 0, ownMs: spent.get(owner) ?? 0 }));
    for (const { sequence, count } of spans) {
      const of = had[owners.indexOf(sequence.owner)];
      if (of !== undefined) of[decoding.has(sequence) ? 'rows' : 'promptRows'] += count;
    }
    const demands = [...this.#demands.values()];
    const { promptRowMs } = costs;
    const lags = settle(demands, had, { stepMs: (rows) => costs.stepMs(rows), promptRowMs });
    for (const [i, demand] of demands.entries()) demand.lag = lags[i] ?? 0;
  }

  /** By owner. */
  #demandsOf(running: readonly Progress[], minPrefillRows: number): Map<string, Demand> {
    const byOwner = Map.groupBy(running, ({ owner }) => owner);
    return new Map(
      [...byOwner].map(([owner, own]) => {
        const lag = this.#demands.get(owner)?.lag ?? this.#absent.get(owner) ?? 0;
        return [owner, { lag, ...demandOf(own, minPrefillRows) }];
      }),
    );
  }
}

function demandOf(own: readonly Progress[], minPrefillRows: number): Omit<Demand, 'lag'> {
  const rows = generating(own, minPrefillRows).reduce((sum, { drafts }) => sum + 1 + drafts.length, 0);
  const prompts = own.reduce((sum, each) => sum + (each.held ? 0 : rowsToCatchUp(each, minPrefillRows)), 0);
  return { weight: own[0]?.weight ?? 1, rows, prompts };
}
