// Which rows of which sequences the next step computes, and who gives way when KV memory runs out. Pure: no clock, no
// device, no await.
//
// Worked example, budget 4, two rows at least for a prompt's chunk: A decodes (10 known, 9 computed), B has 7 prompt
// ids and none computed, C decodes. Rows: A 1, B 4 of 7 (3 are left, not 1), C 1:
//   planStep(…).spans = [{ sequence: A, start: 9, count: 1 }, { sequence: B, start: 0, count: 4 }, { sequence: C, … }]
import type { BlockPool, BlockTable } from '../memory/blocks.ts';
import { type Billed, givesWay } from '../memory/places.ts';

/** What the scheduler knows of a running sequence. */
export interface Progress extends Billed {
  promptLength: number;
  /** Ids known: prompt and generated. */
  length: number;
  /** Positions whose K and V are in the cache. */
  computed: number;
  /** Ids drafted to follow, to be verified in one step with the next. */
  drafts: readonly number[];
  /** Number of the step that computed it last. */
  stepped: number;
  /** It gets no rows: which ids may come next is not known yet. */
  held: boolean;
  table: BlockTable;
}

/** Rows of a step that belong to one sequence. */
export interface Planned<T extends Progress> {
  sequence: T;
  start: number;
  count: number;
}

export interface StepLimits {
  /**
   * Rows that catch up (prompts, answers computed again) in one step, all sequences together; decode rows come on top.
   * At least `2 * minPrefillRows`.
   */
  prefillRows: number;
  /** The dense device's: a chunk of a prompt is never shorter, unless the whole prompt is. */
  minPrefillRows: number;
}

export interface StepPlan<T extends Progress> {
  spans: Planned<T>[];
  /** Sequences whose blocks were taken for others; they start again later. */
  preempted: T[];
}

/** What a tenant may have of a step. */
export interface Part {
  /** Rows of those that generate, drafts among them. */
  rows: number;
  /** Rows that catch up. */
  prefillRows: number;
}

/**
 * Every decoding sequence gets its row and its drafts; those that catch up share the budget. Where tenants have parts, each
 * tenant's share its part. In order of arrival; tables are grown to hold the rows. Where no block is left one gives way
 * (places.ts): the first always gets on.
 */
export function planStep<T extends Progress>(
  running: readonly T[],
  pool: BlockPool,
  limits: StepLimits,
  parts?: ReadonlyMap<string, Part>,
): StepPlan<T> {
  const able = running.filter(({ held }) => !held);
  const rows = parts === undefined ? planTenant(able, limits) : planTenants(able, limits, parts);
  const spans = new Map<T, Planned<T>>();
  const preempted = new Set<T>();
  for (const sequence of running) {
    const start = sequence.computed;
    const count = rows.get(sequence) ?? 0;
    while (count > 0 && !preempted.has(sequence) && !pool.grow(sequence.table, start + count)) {
      const victim = givesWay(running.filter((each) => !preempted.has(each))) ?? sequence;
      pool.release(victim.table);
      preempted.add(victim);
      spans.delete(victim);
    }
    if (count > 0 && !preempted.has(sequence)) spans.set(sequence, { sequence, start, count });
  }
  return { spans: [...spans.values()], preempted: [...preempted] };
}

function planTenants<T extends Progress>(
  running: readonly T[],
  { minPrefillRows }: StepLimits,
  parts: ReadonlyMap<string, Part>,
): Map<Progress, number> {
  const byTenant = Map.groupBy(running, ({ tenant }) => tenant);
  return new Map(
    [...byTenant].flatMap(([tenant, own]) => {
      const { rows, prefillRows } = parts.get(tenant) ?? { rows: 0, prefillRows: 0 };
      return [...planTenant(own, { prefillRows, minPrefillRows }, rows)];
    }),
  );
}

/** Rows of each; where there are not enough for all that generate, those go first that waited longest. */
function planTenant(
  running: readonly Progress[],
  limits: StepLimits,
  most = Number.POSITIVE_INFINITY,
): Map<Progress, number> {
  const rows = limits.prefillRows > 0 ? planChunks(running, limits) : new Map<Progress, number>();
  const decoding = decodingOf(running, limits.minPrefillRows);
  if (most < Number.POSITIVE_INFINITY) decoding.sort((a, b) => a.stepped - b.stepped);
  let given = 0;
  for (const sequence of decoding) {
    if (given >= most) break;
    rows.set(sequence, 1 + sequence.drafts.length);
    given += 1 + sequence.drafts.length;
  }
  return rows;
}

/** Those that do nothing but generate: a row each, and their drafts. */
export function decodingOf<T extends Progress>(running: readonly T[], minPrefillRows: number): T[] {
  return running.filter((progress) => !progress.held && prefillRowsLeft(progress, minPrefillRows) === 0);
}

/**
 * Rows of each sequence that catches up. The one with the fewest left goes first, so that a short prompt never waits for
 * a long one; a quarter of the budget is the oldest's, so that a long one never waits for ever.
 */
function planChunks(
  running: readonly Progress[],
  { prefillRows, minPrefillRows }: StepLimits,
): Map<Progress, number> {
  const left = (progress: Progress) => prefillRowsLeft(progress, minPrefillRows);
  const chunks = new Map<Progress, number>();
  const [oldest, ...others] = running.filter((progress) => left(progress) > 0);
  if (oldest === undefined) return chunks;
  const kept = Math.min(left(oldest), Math.max(2 * minPrefillRows, Math.floor(prefillRows / 4)));
  let budget = prefillRows - kept;
  for (const progress of others.sort((a, b) => left(a) - left(b))) {
    const count = chunkOf(left(progress), budget, minPrefillRows);
    budget -= count;
    chunks.set(progress, count);
  }
  return chunks.set(oldest, chunkOf(left(oldest), kept + budget, minPrefillRows));
}

/**
 * Rows before the sequence decodes: of its prompt, and of its answer if it lost its KV memory. A device that computes a
 * single query otherwise than two gets generated positions one by one, as it did at first.
 */
export function prefillRowsLeft({ promptLength, length, computed }: Progress, least: number): number {
  if (computed < promptLength) return (least > 1 ? promptLength : length) - computed;
  return least === 1 && length - computed > 1 ? length - computed : 0;
}

/** Rows of a chunk with `left` rows to go: never one that is too short, never one that leaves such a one. */
function chunkOf(left: number, budget: number, least: number): number {
  if (left <= budget) return left;
  const rest = left - budget;
  const count = rest < least ? left - least : budget;
  return count < least ? 0 : count;
}
