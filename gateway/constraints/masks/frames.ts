// Chains of frames: what a place in a grammar returns to. Each frame is made once. Says when one chain allows everything that another
// does, and when one can replace two.
//
// Worked example, `([abc]{1,60}){1,60}` after two characters. The second one may go on with the first group, which leaves 58 of its
// characters and 59 groups, or begin another group: 59 and 58. After three characters there are (57, 59), (59, 58), (58, 58) and
// (59, 57). The last two allow nothing that (59, 58) does not: two places are kept, however long the text becomes.
import type { Node } from '../grammar/program.ts';

/** Where to continue after a rule's body, or how often a repeated body may still come. */
export interface Frame {
  id: number;
  /** Equal for frames that differ only in counts too high to matter within one token. */
  likeness: number;
  /** Equal for frames that differ only in counts, their own or those of outer frames. */
  form: number;
  node: Node;
  /** For a repeat: fewest and most iterations after the current one. */
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

  /** Counts above `horizon` are not distinguished. */
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
    // For the text of an automaton, the lengths that it may have matter at any distance.
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
   * The chain that allows what either of two chains of one form allows, and no more. Undefined if there is none: they must differ in one
   * count, without a gap between their numbers.
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

  /** Forgets all frames. Frames in use keep their ids, so none is mistaken for another. */
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

/** Whether chain `a` allows everything that chain `b` of the same form does. */
export function covers(a: Frame, b: Frame): boolean {
  let [x, y]: (Frame | undefined)[] = [a, b];
  for (; x !== y; x = x.parent, y = y.parent) {
    if (x === undefined || y === undefined) return false;
    if (x.least > y.least || x.most < y.most) return false;
  }
  return true;
}
