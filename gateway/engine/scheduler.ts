// Which rows of which sequences the next step computes, and who may enter. Pure: no clock, no device, no await.
//
// Worked example, budget 4, two rows at least for a prompt's chunk: A decodes (10 known, 9 computed), B has 7 prompt
// ids and none computed, C decodes. Rows: A 1, B 4 of 7 (3 are left, not 1), C 1:
//   planStep(…) = [{ sequence: A, start: 9, count: 1 }, { sequence: B, start: 0, count: 4 }, { sequence: C, … }]
import type { Span } from '../../model/devices/dense.ts';

/** What the scheduler knows of a running sequence. */
export interface Progress {
  sequence: number;
  promptLength: number;
  /** Ids known: prompt and generated. */
  length: number;
  /** Positions whose K and V are in the cache. */
  computed: number;
}

export interface StepLimits {
  /** Prompt rows in one step, all sequences together; decode rows come on top. At least `2 * minPrefillRows`. */
  prefillRows: number;
  /** The dense device's: a chunk of a prompt is never shorter, unless the whole prompt is. */
  minPrefillRows: number;
}

/** Every decoding sequence gets its row; prompts share the budget. In order of arrival. */
export function planStep(running: readonly Progress[], limits: StepLimits): Span[] {
  const chunks = planChunks(running.filter(inPrompt), limits);
  const spans: Span[] = [];
  for (const progress of running) {
    const { sequence, length, computed } = progress;
    const count = inPrompt(progress) ? (chunks.get(progress) ?? 0) : length - computed;
    if (count > 0) spans.push({ sequence, start: computed, count });
  }
  return spans;
}

function inPrompt({ computed, promptLength }: Progress): boolean {
  return computed < promptLength;
}

/**
 * Rows of each prompt. The one with the fewest left goes first, so that a short one never waits for a long one; a
 * quarter of the budget is the oldest's, so that a long one never waits for ever.
 */
function planChunks(
  prompts: readonly Progress[],
  { prefillRows, minPrefillRows }: StepLimits,
): Map<Progress, number> {
  const left = ({ promptLength, computed }: Progress) => promptLength - computed;
  const chunks = new Map<Progress, number>();
  const [oldest, ...others] = prompts;
  if (oldest === undefined) return chunks;
  const kept = Math.min(left(oldest), Math.max(2 * minPrefillRows, Math.floor(prefillRows / 4)));
  let budget = prefillRows - kept;
  for (const prompt of others.sort((a, b) => left(a) - left(b))) {
    const count = chunkOf(left(prompt), budget, minPrefillRows);
    budget -= count;
    chunks.set(prompt, count);
  }
  return chunks.set(oldest, chunkOf(left(oldest), kept + budget, minPrefillRows));
}

/** Rows of a chunk of a prompt with `left` rows to go: never one that is too short, never one that leaves such a one. */
function chunkOf(left: number, budget: number, least: number): number {
  if (left <= budget) return left;
  const rest = left - budget;
  const count = rest < least ? left - least : budget;
  return count < least ? 0 : count;
}

export interface Admission {
  running: number;
  maxSequences: number;
  /** Bytes of KV that running sequences may grow to. */
  reserved: number;
  kvMemory: number;
}

/** May a sequence that can grow to `bytes` of KV start now? */
export function admits(bytes: number, { running, maxSequences, reserved, kvMemory }: Admission): boolean {
  return running < maxSequences && reserved + bytes <= kvMemory;
}
