// Decides which rows of which sequences the next step computes, and which sequences are preempted when KV memory runs out. Pure.
//
// Worked example with a budget of 4 prefill rows and chunks of at least 2 rows: A decodes (10 ids known, 9 computed), B has 7
// prompt ids and none computed, C decodes. A gets 1 row, B 4 of its 7, C 1:
//   planStep(…).spans = [{ sequence: A, start: 9, count: 1 }, { sequence: B, start: 0, count: 4 }, { sequence: C, … }]
import type { BlockPool, BlockTable } from '../memory/blocks.ts';
import { type Billed, victimOf } from '../memory/places.ts';

/** The fields of a running sequence that the scheduler uses. */
export interface Progress extends Billed {
  promptLength: number;
  /** Known ids: prompt and generated. */
  length: number;
  /** Positions whose K and V are in the cache. */
  computed: number;
  /** Draft ids, which are verified in the step that computes the last known id. */
  drafts: readonly number[];
  /** Number of the last step that computed the sequence. */
  stepped: number;
  /** Whether the constraint is still finding out which ids may come next. A held sequence gets no rows. */
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
   * Most prefill rows in one step, for all sequences together: rows of prompts, and of answers that are recomputed. Decode
   * rows are not counted. At least `2 * minPrefillRows`.
   */
  prefillRows: number;
  /** Fewest rows of a chunk, unless the whole prompt is shorter. The dense device sets this number. */
  minPrefillRows: number;
}

interface StepPlan<T extends Progress> {
  spans: Planned<T>[];
  /** Sequences whose blocks were released for others. They are recomputed later. */
  preempted: T[];
}

/** A tenant's part of a step. */
export interface Part {
  /** Decode rows, drafts included. */
  rows: number;
  /** Prefill rows. */
  prefillRows: number;
}

/**
 * Every decoding sequence gets a row for its last known id and one for each draft. Prefilling sequences share the budget. With
 * `parts`, the sequences of each tenant share the tenant's part instead. Block tables are grown for the rows, in the order of
 * `running`. If no block is left, a sequence is preempted (places.ts), so that at least one sequence advances.
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
      const victim = victimOf(running.filter((each) => !preempted.has(each))) ?? sequence;
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

/** Number of rows of each sequence. If decoding sequences need more than `most` rows, those that waited longest go first. */
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

/** The sequences that decode: all ids but the last are computed. */
export function decodingOf<T extends Progress>(running: readonly T[], minPrefillRows: number): T[] {
  return running.filter((progress) => !progress.held && prefillRowsLeft(progress, minPrefillRows) === 0);
}

/** Whether the span has rows of a prompt, or of an answer that is recomputed. The rows of drafts are decode rows. */
export function isPrefill({ sequence: { length }, start, count }: Planned<Progress>): boolean {
  return count > 1 && start < length - 1;
}

/**
 * Number of prefill rows of each sequence. Sequences with fewer rows left go first, so that a short prompt never waits for a
 * long one. A quarter of the budget is kept for the oldest sequence, so that a long prompt never waits forever.
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
 * Rows to prefill before the sequence decodes: those of its prompt and, after a preemption, those of its answer. On
 * devices with `least` above 1, a row alone has other bits than in a chunk. There, an answer's rows are recomputed one by one.
 */
export function prefillRowsLeft({ promptLength, length, computed }: Progress, least: number): number {
  if (computed < promptLength) return (least > 1 ? promptLength : length) - computed;
  return least === 1 && length - computed > 1 ? length - computed : 0;
}

/** Rows of the next chunk if `left` rows remain. The chunk and the rows after it are each 0 or at least `least`. */
function chunkOf(left: number, budget: number, least: number): number {
  if (left <= budget) return left;
  const rest = left - budget;
  const count = rest < least ? left - least : budget;
  return count < least ? 0 : count;
}
