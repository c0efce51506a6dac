// Divides one step between tenants. Each tenant advances at least as fast as if it had its share of the engine's time to
// itself, and batches are made no smaller than that requires. Pure.
//
// Worked example with weights of 1: a step of n rows takes 2 + n ms. A has 1 row (3 ms alone), B has 100 (102 ms alone). A's
// share is one half, so its row may take 6 ms. In 6 ms a step computes 4 rows, of which 1 is A's and 3 are B's:
//   divide([{ …, rows: 1 }, { …, rows: 100 }], …).rows = [1, 3]
// B then gets 0.5 rows/ms; alone it would get 0.98. Rounding errors accumulate in `lag` and are repaid in later steps.

/** The rows that a tenant would compute in a step of its own, and its account. */
export interface Demand {
  weight: number;
  /** Milliseconds that the work missing from the tenant's share takes without other tenants. Below 0: it is ahead. */
  lag: number;
  /** Decode rows. */
  rows: number;
  /** Prefill rows that are left. */
  prompts: number;
}

interface Division {
  /** `[tenants]`, decode rows. */
  rows: number[];
  /** Share of the step's time that is for prefill (0–1). */
  promptShare: number;
  /** `[tenants]`, each tenant's share of the time for prefill. The shares add up to 1, or to 0 if no tenant prefills. */
  prompts: number[];
}

interface Prices {
  /** Milliseconds of a step with `rows` decode rows. It grows with the rows and is 0 for 0. */
  stepMs: (rows: number) => number;
  /** Share of a tenant's time that its prefill may take while others of its sequences decode. */
  prefillShare: number;
}

/**
 * Chooses the rows so that, by the predicted times, the step ends before the first tenant falls behind its share. If each row
 * of the other tenants would then take longer than in a step of their own, the step gets more rows. A tenant that lags after
 * the step has the next steps to itself until it no longer lags.
 */
export function divide(demands: readonly Demand[], { stepMs, prefillShare }: Prices): Division {
  const shares = sharesOf(demands);
  const bound = demands.map(({ rows, prompts }) => (prompts === 0 ? 0 : rows === 0 ? 1 : prefillShare));
  const forPrompts = dot(shares, bound);
  const prompts = bound.map((part, i) => (forPrompts === 0 ? 0 : (part * shares[i]!) / forPrompts));
  const total = sum(demands.map(({ rows }) => rows));
  if (total === 0 || forPrompts === 1)
    return { rows: demands.map(({ rows }) => rows), promptShare: 1, prompts };

  // The time that the step may take before each tenant falls behind.
  const patience = demands.map(({ rows, lag }, i) =>
    rows === 0 ? Number.POSITIVE_INFINITY : (stepMs(rows) - lag) / (shares[i]! * (1 - bound[i]!)),
  );
  const limitMs = Math.min(...patience);
  const lagging = demands.map(({ rows, lag }) => rows > 0 && lag > 0);
  const anyLags = lagging.includes(true);
  const core = anyLags ? lagging : patience.map((ms) => ms === limitMs);
  const count = batchOf(demands, core, { limitMs: (1 - forPrompts) * limitMs, anyLags, stepMs });
  const decodeMs = stepMs(count);
  const fullMs = (forPrompts / (1 - forPrompts)) * decodeMs;
  // Prefill waits while a decoding tenant lags. Tenants that only prefill get the lost time back in later steps, in which the
  // time for prefill at most doubles.
  const lostMs = sum(demands.map(({ rows, lag }) => (rows === 0 ? Math.max(lag, 0) : 0)));
  const promptMs = anyLags
    ? Math.min(Math.max(limitMs - decodeMs, 0), fullMs)
    : fullMs + Math.min(lostMs, fullMs);
  return {
    rows: fill(demands, { core, count, shares, stepMs }),
    promptShare: promptMs / (promptMs + decodeMs),
    prompts,
  };
}

/** Limits of a tenant's time for work beside its rows. */
interface OwnTimeLimits extends Pick<Prices, 'stepMs'> {
  /** A step of the other tenants counts as at least this long. */
  leastMs: number;
  /** Most time of one tenant if there are several. */
  mostMs: number;
  /** Time of the only tenant. */
  aloneMs: number;
}

/**
 * `[tenants]`, milliseconds that each tenant may spend before the next step on work beside its rows, such as finding out which
 * tokens a grammar allows: its share of the time that this work and one step of the other tenants take, plus its lag.
 */
export function ownTime(
  demands: readonly Demand[],
  { stepMs, leastMs, mostMs, aloneMs }: OwnTimeLimits,
): number[] {
  const shares = sharesOf(demands);
  const total = sum(demands.map(({ rows }) => rows));
  return demands.map(({ rows, lag }, i) => {
    const share = shares[i]!;
    if (share === 1) return aloneMs;
    const othersMs = Math.max(stepMs(total - rows), leastMs);
    return Math.min(Math.max((lag + share * othersMs) / (1 - share), 0), mostMs);
  });
}

/** A tenant's part of the step that was last computed. */
interface Had {
  rows: number;
  promptRows: number;
  /** Milliseconds that were spent beside its rows. */
  ownMs?: number;
}

/**
 * `[tenants]`, the lags after a step. A tenant keeps a lead of at most one step of its own, but time spent beside its rows is
 * charged in full.
 */
export function settle(
  demands: readonly Demand[],
  had: readonly Had[],
  { stepMs, promptRowMs }: { stepMs: Prices['stepMs']; promptRowMs: number },
): number[] {
  const shares = sharesOf(demands);
  const promptRows = sum(had.map((each) => each.promptRows));
  const ownMs = sum(had.map(({ ownMs = 0 }) => ownMs));
  const tookMs = stepMs(sum(had.map(({ rows }) => rows))) + promptRows * promptRowMs + ownMs;
  const most = Math.max(stepMs(sum(demands.map(({ rows }) => rows))), tookMs);
  return demands.map(({ lag, rows }, i) => {
    const { rows: hadRows, promptRows: hadPrompts, ownMs: spentMs = 0 } = had[i]!;
    const aloneMs = rows === 0 ? 0 : Math.min(1, hadRows / rows) * stepMs(rows);
    const next = lag + shares[i]! * tookMs - aloneMs - hadPrompts * promptRowMs;
    const lead = Math.max(rows === 0 ? most : stepMs(rows), -lag);
    return Math.min(Math.max(next, -lead) - spentMs, most);
  });
}

/** Number of rows in the step: all rows of the tenants in `core`, and as many rows of the others as `limitMs` allows. */
function batchOf(
  demands: readonly Demand[],
  core: readonly boolean[],
  { limitMs, anyLags, stepMs }: { limitMs: number; anyLags: boolean; stepMs: Prices['stepMs'] },
): number {
  const own = sum(demands.map(({ rows }, i) => (core[i] ? rows : 0)));
  const others = demands.filter(({ rows }, i) => !core[i] && rows > 0);
  const total = own + sum(others.map(({ rows }) => rows));
  let count = own;
  while (count < total && stepMs(count + 1) <= limitMs) count++;
  if (count === total) return total;
  const alone = sum(others.map(({ rows }) => stepMs(rows))) / (total - own);
  const worth = (rows: number) => stepMs(rows) - stepMs(own) <= alone * (rows - own);
  if (count > own && worth(count)) return count;
  if (anyLags) return own;
  for (count = Math.max(count, own + 1); count < total && !worth(count); ) count++;
  return count;
}

/** `[tenants]`, divides `count` rows. `core` tenants get all their rows; each further row goes to the tenant furthest behind. */
function fill(
  demands: readonly Demand[],
  {
    core,
    count,
    shares,
    stepMs,
  }: { core: readonly boolean[]; count: number; shares: readonly number[]; stepMs: Prices['stepMs'] },
): number[] {
  const given = demands.map(({ rows }, i) => (core[i] ? rows : 0));
  const rowMs = demands.map(({ rows }) => (rows === 0 ? 0 : stepMs(rows) / rows));
  for (let left = count - sum(given); left > 0; left--) {
    let first: number | undefined;
    let behind = Number.NEGATIVE_INFINITY;
    for (const [i, { rows, lag }] of demands.entries()) {
      const behindBy = (lag - given[i]! * rowMs[i]!) / shares[i]!;
      if (given[i]! < rows && behindBy > behind) [first, behind] = [i, behindBy];
    }
    if (first === undefined) break;
    given[first]!++;
  }
  return given;
}

/**
 * `[tenants]`, a budget of prefill rows divided in the proportions of `parts`. If a tenant needs fewer, the others share the
 * difference. A tenant that would get fewer than `least` gets none; the tenants that lag least are the first to get none.
 */
export function promptRows(
  demands: readonly Demand[],
  { parts, budget, least }: { parts: readonly number[]; budget: number; least: number },
): number[] {
  const rows = demands.map(() => 0);
  const order = [...demands.keys()].filter((i) => demands[i]!.prompts > 0);
  order.sort((a, b) => demands[b]!.lag - demands[a]!.lag);
  // As many tenants are served as can have `least` rows each. Those that need few rows are computed first, so that the others
  // can share what these leave.
  const served = order.slice(0, Math.floor(budget / least));
  served.sort((a, b) => demands[a]!.prompts / parts[a]! - demands[b]!.prompts / parts[b]!);
  let left = budget;
  for (const [at, i] of served.entries()) {
    const later = served.slice(at + 1);
    const part = Math.floor((left * parts[i]!) / sum(served.slice(at).map((j) => parts[j]!)));
    const most = Math.max(least, Math.min(part, left - least * later.length));
    rows[i] = Math.min(demands[i]!.prompts, most);
    left -= rows[i];
  }
  return rows;
}

function sharesOf(demands: readonly Demand[]): number[] {
  const total = sum(demands.map(({ weight }) => weight));
  return demands.map(({ weight }) => weight / total);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return sum(a.map((value, i) => value * (b[i] ?? 0)));
}
