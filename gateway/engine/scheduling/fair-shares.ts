// Keeps an account of each tenant from step to step: what the tenant used of the last step, and its part of the next one.
// shares.ts has the formulas. Callers measure the time.
import {
  decodingOf,
  type Part,
  type Planned,
  type Progress,
  prefillRowsLeft,
  type StepLimits,
} from './scheduler.ts';
import { type Demand, divide, ownTime, promptRows, settle } from './shares.ts';

export interface Costs {
  /** Milliseconds of a step with `rows` decode rows. */
  stepMs(rows: number): number;
  /** Milliseconds of a prefill row in a step that also has decode rows. */
  readonly promptRowMs: number;
}

interface PartsOptions {
  costs: Costs;
  prefillShare: number;
  minPrefillRows: number;
  /** Limits of a step with `decoding` decoding sequences if prefill may take `share` (0–1) of its time. */
  limits: (decoding: number, share: number) => StepLimits;
}

/** Most time before one step for a tenant's work beside its rows, such as compiling a grammar. Other tenants wait meanwhile. */
const MOST_OWN_MS = 10;
/** The same limit if there is only one tenant. It is higher, because no other tenant waits. */
const MOST_ALONE_MS = 20;
/** When the time for such work is derived from a step of the other tenants, the step counts as at least this long. */
const LEAST_OTHERS_MS = 2;
/** While a tenant has no sequences, its lead over its share shrinks by this part of the time that passes. */
const ABSENT_SHARE = 1 / 2;

export class FairShares {
  /** The tenants' demands for the last planned step. Empty while there is only one tenant. */
  #demands = new Map<string, Demand>();
  /** Milliseconds that each tenant spent beside its rows since the last call of `settle`. */
  readonly #spent = new Map<string, number>();
  /** Milliseconds that other threads spent on a tenant's requests since the last `settle`. No step's time includes them. */
  readonly #charged = new Map<string, number>();
  /** Negative lags (ms) of tenants that left while they were ahead of their share. A tenant that returns keeps its lag. */
  readonly #absent = new Map<string, number>();

  /** Milliseconds that each tenant may spend beside its rows before the next step; see shares.ts. */
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
    return new Map([...demands.keys()].map((tenant, i) => [tenant, times[i] ?? 0]));
  }

  /** Charges a tenant for time that was spent beside its rows. */
  spend(tenant: string, ms: number): void {
    this.#spent.set(tenant, (this.#spent.get(tenant) ?? 0) + ms);
  }

  /**
   * Charges a tenant for time that other threads spent on its requests. A tenant that takes no part in the planned step is not
   * charged, because it takes none of the engine's time from other tenants.
   */
  charge(tenant: string, ms: number): void {
    if (this.#demands.has(tenant)) this.#charged.set(tenant, (this.#charged.get(tenant) ?? 0) + ms);
  }

  /** Milliseconds that all tenants together spent beside their rows since the last call of `settle`. */
  get spentMs(): number {
    let ms = 0;
    for (const each of this.#spent.values()) ms += each;
    return ms;
  }

  /** Each tenant's part of the next step. Undefined if there is only one tenant. */
  parts(
    running: readonly Progress[],
    { costs, prefillShare, minPrefillRows, limits }: PartsOptions,
  ): Map<string, Part> | undefined {
    const asked = this.#demandsOf(running, minPrefillRows);
    for (const [tenant, { lag }] of this.#demands) {
      if (lag < 0 && !asked.has(tenant)) this.#absent.set(tenant, lag);
    }
    for (const tenant of asked.keys()) this.#absent.delete(tenant);
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
      [...this.#demands.keys()].map((tenant, i) => {
        return [tenant, { rows: division.rows[i] ?? 0, prefillRows: prompts[i] ?? 0 }];
      }),
    );
  }

  /** Updates the lags after the last planned step, which computed `spans` and took `ms`. */
  settle(
    spans: readonly Planned<Progress>[],
    { costs, decoding, ms }: { costs: Costs; decoding: readonly Progress[]; ms: number },
  ): void {
    for (const [tenant, lag] of this.#absent) {
      if (lag + ABSENT_SHARE * ms < 0) this.#absent.set(tenant, lag + ABSENT_SHARE * ms);
      else this.#absent.delete(tenant);
    }
    const spent = new Map(this.#spent);
    for (const [tenant, chargedMs] of this.#charged) spent.set(tenant, (spent.get(tenant) ?? 0) + chargedMs);
    this.#spent.clear();
    this.#charged.clear();
    if (this.#demands.size === 0) return;
    const decodes = new Set(decoding);
    const tenants = [...this.#demands.keys()];
    const had = tenants.map((tenant) => ({ rows: 0, promptRows: 0, ownMs: spent.get(tenant) ?? 0 }));
    for (const { sequence, count } of spans) {
      const of = had[tenants.indexOf(sequence.tenant)];
      if (of !== undefined) of[decodes.has(sequence) ? 'rows' : 'promptRows'] += count;
    }
    const demands = [...this.#demands.values()];
    const { promptRowMs } = costs;
    const lags = settle(demands, had, { stepMs: (rows) => costs.stepMs(rows), promptRowMs });
    for (const [i, demand] of demands.entries()) demand.lag = lags[i] ?? 0;
  }

  #demandsOf(running: readonly Progress[], minPrefillRows: number): Map<string, Demand> {
    const byTenant = Map.groupBy(running, ({ tenant }) => tenant);
    return new Map(
      [...byTenant].map(([tenant, own]) => {
        const lag = this.#demands.get(tenant)?.lag ?? this.#absent.get(tenant) ?? 0;
        return [tenant, { lag, ...demandOf(own, minPrefillRows) }];
      }),
    );
  }
}

function demandOf(own: readonly Progress[], minPrefillRows: number): Omit<Demand, 'lag'> {
  const rows = decodingOf(own, minPrefillRows).reduce((sum, { drafts }) => sum + 1 + drafts.length, 0);
  const prompts = own.reduce((sum, each) => sum + (each.held ? 0 : prefillRowsLeft(each, minPrefillRows)), 0);
  return { weight: own[0]?.weight ?? 1, rows, prompts };
}
