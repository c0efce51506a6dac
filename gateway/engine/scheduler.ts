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

/** Every decoding sequence gets its row; prompts share what the budget leaves, in order of arrival. */
export function planStep(running: readonly Progress[], { prefillRows, minPrefillRows }: StepLimits): Span[] {
  let budget = prefillRows;
  const spans: Span[] = [];
  for (const { sequence, promptLength, length, computed } of running) {
    if (computed >= promptLength) {
      spans.push({ sequence, start: computed, count: length - computed });
      continue;
    }
    const count = chunkOf(promptLength - computed, budget, minPrefillRows);
    if (count === 0) continue;
    budget -= count;
    spans.push({ sequence, start: computed, count });
  }
  return spans;
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
