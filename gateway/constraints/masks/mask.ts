// Finds the tokens that may come in a state, by following the vocabulary's tree and the grammar's states together.

import { ConstraintFault } from '../fault.ts';
import { LONGEST_PLAIN, type Vocabulary, type VocabularyTree } from '../vocabulary.ts';
import type { Automaton } from './automaton.ts';
import type { State } from './state.ts';

/** The ids that may come, without stop ids: a list if they are few, otherwise bits `[ceil(vocab / 32)]`. `size`: bytes. */
export type Mask = { size: number } & ({ ids: Int32Array } | { bits: Uint32Array });

/** A mask is a list if fewer than 1 / SPARSE of all ids may come. */
const SPARSE = 64;

/** Most visits of places for one mask. They take up to a second. A search that needs more gets a ConstraintFault. */
const MOST_WORK = 1_000_000;

/** A search for a mask, which can be done in any number of pieces. */
export class MaskSearch {
  readonly #automaton: Automaton;
  readonly #vocabulary: Vocabulary;
  readonly #tree: VocabularyTree;
  readonly #bits: Uint32Array;
  /** `[depth]` The state before each byte of the current node's text. The first is the state whose mask is searched for. */
  readonly #path: State[];
  #count: number;
  /** The first byte of the tokens that are being tried. */
  #start = 0;
  /** The next node of the tree below that first byte. -1 if no token with that first byte was tried yet. */
  #node = -1;
  #work = 0;

  constructor(automaton: Automaton, state: State, vocabulary: Vocabulary) {
    const { size, textless } = vocabulary;
    // Within a string, most allowed ids are plain (vocabulary.ts). They are copied from a table instead of being searched for.
    const inString = state.open > 0 && !(state.mixed && state.open < LONGEST_PLAIN);
    this.#automaton = automaton;
    this.#vocabulary = vocabulary;
    this.#tree = inString ? treeInString(state, vocabulary) : vocabulary.data.tree;
    this.#bits = inString ? vocabulary.plain(state.open).slice() : new Uint32Array(Math.ceil(size / 32));
    this.#count = inString ? size : 0;
    this.#path = [state];
    const { any, except, ids } = state.textless;
    if (any) for (const id of textless) if (!except.has(id)) this.#admit(id);
    for (const id of ids) if (id < size && !this.#has(id)) this.#admit(id);
  }

  /** Returns undefined if `isOver` was true before the mask was found. Throws a ConstraintFault if the search exceeds MOST_WORK. */
  run(isOver: () => boolean): Mask | undefined {
    const { byte, depth, end, first, ids, plain, roots } = this.#tree;
    const path = this.#path;
    const takes = (from: State, label: number) => this.#takes(from, label);
    // First bytes are tried one by one, because most states allow few of them and their nodes are far apart in memory.
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
    if (this.#count * SPARSE >= this.#vocabulary.size)
      return { bits: this.#bits, size: this.#bits.byteLength };
    const few = listed(this.#bits, this.#count);
    return { ids: few, size: few.byteLength };
  }

  #has(id: number): boolean {
    return (((this.#bits[id >> 5] ?? 0) >>> (id & 31)) & 1) === 1;
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

/**
 * The tree of the ids that are not plain. If plain characters do not change the state, only the bytes after them matter, and
 * the smaller tree of these bytes is enough.
 */
function treeInString({ open, loop }: State, { data, longest }: Vocabulary): VocabularyTree {
  return loop && open >= longest ? data.tails : data.rest;
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

/** Sets the logits of all ids that the mask does not allow to -Infinity. `logits [vocab]` */
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
