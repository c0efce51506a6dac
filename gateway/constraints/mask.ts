// Which tokens may come in a state: found by walking the vocabulary's tree and the grammar's states together. Knows no sequence.
import type { Automaton, State } from './automaton.ts';
import { LONGEST_PLAIN, type Vocabulary, type VocabularyTree } from './vocabulary.ts';

/** Ids that may come; where they are few as a list, otherwise as bits. Stop ids are not its business. */
export type Mask = { ids: Int32Array } | { /** `[ceil(vocab / 32)]` */ bits: Uint32Array };

/** A list of fewer than one id in so many is cheaper than bits. */
const SPARSE = 64;

export function maskOf(automaton: Automaton, state: State, vocabulary: Vocabulary): Mask {
  const { size, textless } = vocabulary;
  // Within a string most ids are plain, and those need not be walked through.
  const inString = state.open > 0 && !(state.mixed && state.open < LONGEST_PLAIN);
  const bits = inString ? vocabulary.plain(state.open).slice() : new Uint32Array(Math.ceil(size / 32));
  const tree = inString ? treeInString(state, vocabulary) : vocabulary.tree;
  let count = inString ? size : 0;
  const admit = (id: number) => {
    bits[id >> 5]! |= 1 << (id & 31);
    count++;
  };
  if (state.textless) textless.forEach(admit);
  const { byte, depth, end, first, ids, plain, roots } = tree;
  const path: State[] = [state];
  // By first bytes apart: most states take few, and what lies below the others is far away in memory.
  for (let start = 0; start < roots.length; start++) {
    const root = roots[start]!;
    if (root < 0 || takes(state, start) === null) continue;
    for (let node = root; node < end[root]!; ) {
      const next = takes(path[depth[node]!]!, byte[node]!);
      if (next === null) {
        node = end[node]!;
        continue;
      }
      path[depth[node]! + 1] = next;
      // Where any characters may follow, so may all that is plain.
      const whole = plain[node] === 1 && next.open >= LONGEST_PLAIN;
      const after = whole ? end[node]! : node + 1;
      for (let i = first[node]!; i < first[after]!; i++) admit(ids[i]!);
      node = after;
    }
  }
  function takes(from: State, label: number): State | null {
    const known = from.next[label];
    return known === undefined ? (automaton.step(from, label) ?? null) : known;
  }

  return count * SPARSE < size ? { ids: listed(bits, count) } : { bits };
}

/** Where plain characters lead back to where they came from, what is behind them decides. */
function treeInString({ open, loop }: State, { rest, tails, longest }: Vocabulary): VocabularyTree {
  return loop && open >= longest ? tails : rest;
}

function listed(bits: Uint32Array, count: number): Int32Array {
  const ids = new Int32Array(count);
  let at = 0;
  for (const [i, word] of bits.entries()) {
    for (let rest = word; rest !== 0; rest = (rest & (rest - 1)) >>> 0) {
      ids[at++] = i * 32 + 31 - Math.clz32(rest & -rest);
    }
  }
  return ids;
}

export function allows(mask: Mask, id: number): boolean {
  if ('ids' in mask) return mask.ids.includes(id);
  return (((mask.bits[id >> 5] ?? 0) >>> (id & 31)) & 1) === 1;
}

export function sizeOf(mask: Mask): number {
  return 'ids' in mask ? mask.ids.byteLength : mask.bits.byteLength;
}

/** Sets all logits but those of the mask's ids to -Infinity. `logits [vocab]` */
export function applyMask(mask: Mask, logits: Float32Array): void {
  if ('ids' in mask) {
    const kept = Float32Array.from(mask.ids, (id) => logits[id] ?? Number.NEGATIVE_INFINITY);
    logits.fill(Number.NEGATIVE_INFINITY);
    for (const [i, id] of mask.ids.entries()) logits[id] = kept[i] ?? Number.NEGATIVE_INFINITY;
    return;
  }
  for (const [i, word] of mask.bits.entries()) {
    if (word === 0xffffffff) continue;
    const from = i * 32;
    if (word === 0) logits.fill(Number.NEGATIVE_INFINITY, from, from + 32);
    else {
      const to = Math.min(from + 32, logits.length);
      for (let id = from; id < to; id++) {
        if (((word >>> (id - from)) & 1) === 0) logits[id] = Number.NEGATIVE_INFINITY;
      }
    }
  }
  logits.fill(Number.NEGATIVE_INFINITY, mask.bits.length * 32);
}
