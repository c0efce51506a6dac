// Frames: where a rule or a repetition returns to. A frame is linked to its parent, as in a call stack. Equal frames are one
// object. This file also finds out whether one chain of frames allows everything that another chain allows, and whether one chain
// can replace two.
//
// Worked example: `([abc]{1,60}){1,60}` after two characters. The second character either belongs to the first group, which
// leaves 58 characters and 59 groups, or begins another group, which leaves 59 characters and 58 groups. After three characters,
// (characters, groups) may be (57, 59), (59, 58), (58, 58) or (59, 57). (59, 58) allows everything that the last two allow, so
// only two places are kept, however long the text becomes.
import type { Node } from '../grammar/program.ts';

/** Either a call (`node` comes after the rule's body), or the repetition or counted text `node` with its remaining counts. */
export interface Frame {
  id: number;
  /** Equal for frames that differ only in counts that are too high for one token to reach. */
  likeness: number;
  /** Equal for frames that differ only in their own counts or in those of their parents. */
  form: number;
  node: Node;
  /** Fewest and most further iterations of the repetition, or characters of the counted text. Both are 0 for a call. */
  least: number;
  most: number;
  parent: Frame | undefined;
}

const BYTES_PER_FRAME = 330;

export class Frames {
  readonly #horizon: number;
  #made = new Map<string, Frame>();
  #likenesses = new Map<string, number>();
  #forms = new Map<string, number>();
  #ids = 1;

  /** `likeness` does not distinguish counts above `horizon`, because one token cannot reach them. */
  constructor(horizon: number) {
    this.#horizon = horizon;
  }

  /** Bytes in memory, roughly. */
  get size(): number {
    return this.#made.size * BYTES_PER_FRAME;
  }

  frame(node: Node, least: number, most: number, parent: Frame | undefined): Frame {
    const key = `${node.id},${least},${most},${parent?.id ?? 0}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    // If an automaton restricts the lengths of its texts, counts of any size can matter.
    const horizon = node.kind === 'counted' && node.exact ? Number.POSITIVE_INFINITY : this.#horizon;
    const counts = `${Math.min(least, horizon)},${Math.min(most, horizon)}`;
    const frame = {
      id: this.#ids++,
      likeness: this.#number(this.#likenesses, `${node.id},${counts},${parent?.likeness ?? 0}`),
      form: this.#number(this.#forms, `${node.id},${parent?.form ?? 0}`),
      ...{ node, least, most, parent },
    };
    this.#made.set(key, frame);
    return frame;
  }

  /**
   * The chain that allows what either of two chains of the same `form` allows, and nothing else. Undefined if there is none: the
   * two must differ in the counts of one frame only, and these counts must overlap or be adjacent.
   */
  joined(a: Frame, b: Frame): Frame | undefined {
    const inner: Frame[] = [];
    let joined: Frame | undefined;
    let [x, y]: (Frame | undefined)[] = [a, b];
    for (; x !== y; x = x.parent, y = y.parent) {
      if (x === undefined || y === undefined) return undefined;
      if (x.least === y.least && x.most === y.most) {
        if (joined === undefined) inner.push(x);
        continue;
      }
      if (joined !== undefined || Math.max(x.least, y.least) > Math.min(x.most, y.most) + 1) return undefined;
      joined = this.frame(x.node, Math.min(x.least, y.least), Math.max(x.most, y.most), x.parent);
    }
    return inner.reduceRight(
      (parent, { node, least, most }) => this.frame(node, least, most, parent),
      joined,
    );
  }

  /** Forgets all frames. New frames get new ids, so they are not mistaken for forgotten frames that are still in use. */
  forget(): void {
    this.#made = new Map();
    this.#likenesses = new Map();
    this.#forms = new Map();
  }

  #number(numbers: Map<string, number>, key: string): number {
    const number = numbers.get(key) ?? this.#ids++;
    numbers.set(key, number);
    return number;
  }
}

/** Whether chain `a` allows everything that chain `b` of the same `form` allows. */
export function covers(a: Frame, b: Frame): boolean {
  let [x, y]: (Frame | undefined)[] = [a, b];
  for (; x !== y; x = x.parent, y = y.parent) {
    if (x === undefined || y === undefined) return false;
    if (x.least > y.least || x.most < y.most) return false;
  }
  return true;
}
