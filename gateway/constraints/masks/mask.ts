// Finds the tokens that may come in a state, by walking the vocabulary's tree and the grammar's states together.

import { ConstraintFault } from '../fault.ts';
import { LONGEST_PLAIN, type Vocabulary, type VocabularyTree } from '../vocabulary.ts';
import type { Automaton } from './automaton.ts';
import type { State } from './state.ts';

/** Ids that may come: a list if they are few, otherwise bits. Stop ids are handled elsewhere. */
export type Mask = { ids: Int32Array } | { /** `[ceil(vocab / 32)]` */ bits: Uint32Array };

/** A list of fewer than one id in this many is cheaper than bits. */
const SPARSE = 64;

/** Most places that are visited to find one mask: some tenths of a second to a second. */
const MOST_WORK = 1_000_000;

/** A search for a mask, in any number of pieces. */
export class MaskSearch {
  readonly #automaton: Automaton;
  readonly #vocabulary: Vocabulary;
  readonly #tree: VocabularyTree;
  readonly #bits: Uint32Array;
  /** `[depth]`, from the state whose mask it is to that before the node. */
  readonly #path: State[];
  #count: number;
  /** First byte under way, and the node below it that comes next; -1: it was not begun. */
  #start = 0;
  #node = -1;
  #work = 0;

  constructor(automaton: Automaton, state: State, vocabulary: Vocabulary) {
    const { size, textless } = vocabulary;
    // Within a string most ids are plain, and need not be walked.
    const inString = state.open > 0 && !(state.mixed && state.open < LONGEST_PLAIN);
    this.#automaton = automaton;
    this.#vocabulary = vocabulary;
    this.#tree = inString ? treeInString(state, vocabulary) : vocabulary.tree;
    this.#bits = inString ? vocabulary.plain(state.open).slice() : new Uint32Array(Math.ceil(size / 32));
    this.#count = inString ? size : 0;
    this.#path = [state];
    if (state.textless) for (const id of textless) this.#admit(id);
  }

  /** Undefined if `isOver` was true before the mask was found. Throws a ConstraintFault if it takes too much work in all. */
  run(isOver: () => boolean): Mask | undefined {
    const { byte, depth, end, first, ids, plain, roots } = this.#tree;
    const path = this.#path;
    const takes = (from: State, label: number) => this.#takes(from, label);
    // By first bytes apart: most states take few, and what lies below the others is far away in memory.
    for (; this.#start < roots.length; this.#start++) {
      const root = roots[this.#start]!;
      if (this.#node < 0 && (root < 0 || takes(path[0]!, this.#start) === null)) continue;
      for (let node = this.#node < 0 ? root : this.#node; node < end[root]!; ) {
        const from = path[depth[node]!]!;
        const label = byte[node]!;
        const known = from.next[label];
        if (known === undefined && isOver()) {
          this.#node = node;
          return undefined;
        }
        const next = known === undefined ? takes(from, label) : known;
        if (next === null) {
          node = end[node]!;
          continue;
        }
        path[depth[node]! + 1] = next;
        // If any characters may follow, so may every plain token.
        const whole = plain[node] === 1 && next.open >= LONGEST_PLAIN;
        const after = whole ? end[node]! : node + 1;
        for (let i = first[node]!; i < first[after]!; i++) this.#admit(ids[i]!);
        node = after;
      }
      this.#node = -1;
    }
    return this.#count * SPARSE < this.#vocabulary.size
      ? { ids: listed(this.#bits, this.#count) }
      : { bits: this.#bits };
  }

  #admit(id: number): void {
    this.#bits[id >> 5]! |= 1 << (id & 31);
    this.#count++;
  }

  #takes(from: State, label: number): State | null {
    const before = this.#automaton.work;
    const next = this.#automaton.step(from, label) ?? null;
    this.#work += this.#automaton.work - before;
    if (this.#work > MOST_WORK) {
      throw new ConstraintFault(
        'it is too ambiguous: which tokens may come next takes too long to find. Write it so that a text can be read in fewer ways',
      );
    }
    return next;
  }
}

/** Finds the mask in one piece. */
export function maskOf(automaton: Automaton, state: State, vocabulary: Vocabulary): Mask {
  const found = new MaskSearch(automaton, state, vocabulary).run(() => false);
  if (found === undefined) throw new Error('a search that may take any time gave up');
  return found;
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
