// Shared by the tests of constraints: writes answers under a constraint, with nano's vocabulary and random logits.
import { loadTextSide } from '../../../gateway/api/text/text-side.ts';
import type { Constraint } from '../../../gateway/constraints/masks/constraint.ts';
import { Constraints } from '../../../gateway/constraints/masks/constraints.ts';
import type { ConstraintSpec } from '../../../gateway/constraints/specification.ts';
import { vocabularyData } from '../../../gateway/constraints/vocabulary.ts';
import { neutralSampling } from '../../../gateway/engine/messages.ts';
import { sample } from '../../../gateway/engine/sampling/sampler.ts';
import { nanoConfig, nano as nanoFolder } from '../../support/models/nano.ts';

const { tokenizer, stopIds } = await loadTextSide(nanoFolder);
/** Size of nano's vocabulary. */
export const { vocab: VOCAB } = await nanoConfig();
export const END = stopIds[0] ?? 0;
export const nano = vocabularyData(VOCAB, (id) => tokenizer.bytes(id));
const constraints = new Constraints(nano);

export function open(spec: ConstraintSpec, replay: readonly number[] = []): Constraint {
  return constraints.open(spec, { stopIds: [END], replay });
}

/** The ids that may come next, including those that end the answer. */
export function allowed(constraint: Constraint): number[] {
  const logits = new Float32Array(VOCAB);
  constraint.allow(logits);
  return Array.from(logits.keys()).filter((id) => logits[id] !== Number.NEGATIVE_INFINITY);
}

/** Whether the constraint allows the text, tokenized by the tokenizer, and an end after the text. */
export function accepts(spec: ConstraintSpec, text: string): boolean {
  const constraint = open(spec);
  for (const id of tokenizer.encodePlain(text, { first: true })) {
    if (!allowed(constraint).includes(id)) return false;
    constraint.advance(id);
  }
  return constraint.finished || allowed(constraint).includes(END);
}

export function idsOf(text: string): number[] {
  return tokenizer.encodePlain(text, { first: true });
}

export function textOf(ids: readonly number[]): string {
  return Buffer.concat(ids.map((id) => tokenizer.bytes(id))).toString();
}

export interface Written {
  ids: number[];
  text: string;
  finished: boolean;
}

const settings = { ...neutralSampling, temperature: 1.5 };

/** Logits are random and differ by at most 10, so unlikely tokens come often at temperature 1.5. */
export function write(
  constraint: Constraint,
  { seed, most = 2000 }: { seed: number; most?: number },
): Written {
  const ids: number[] = [];
  const random = generator(seed);
  for (;;) {
    if (constraint.finished) return { ids, text: textOf(ids), finished: true };
    if (ids.length === most) return { ids, text: textOf(ids), finished: false };
    const logits = new Float32Array(VOCAB);
    for (let id = 0; id < VOCAB; id++) logits[id] = 10 * random();
    const { id } = sample({
      logits,
      settings: { ...settings, seed },
      position: ids.length,
      generated: new Map(),
      seen: new Set(),
      constraint,
    });
    constraint.advance(id);
    if (id === END) return { ids, text: textOf(ids), finished: true };
    ids.push(id);
  }
}

/** Random numbers in [0, 1) by Mulberry32. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
