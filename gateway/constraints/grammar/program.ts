// A grammar as a graph of nodes that a matcher walks byte by byte. Knows no tokens and no states.

import { ConstraintFault } from '../fault.ts';
import { isUniversal } from '../language/dfa.ts';
import { type Lengths, lengthsOf } from '../language/lengths.ts';
import { type Ranges, type Spelling, spellings } from './characters.ts';
import { type Expression, entriesOf, type Grammar } from './expression.ts';
import { spelled } from './json-text.ts';

export type Node = { readonly id: number } & (
  | { kind: 'byte'; accepts: Uint8Array /** `[256]`, 1 where it may come */; next: Node }
  /** Any token that is not text (special tokens); leads to `next`. */
  | { kind: 'textless'; next: Node }
  /** Continues at each of `nexts` without a byte. `open`: any characters may come from here on, if no count forbids it. */
  | { kind: 'split'; readonly nexts: Node[]; readonly open?: boolean }
  /** The rule's body, then `next`. */
  | { kind: 'call'; body: Node; next: Node }
  | { kind: 'return' }
  /** The body from `least` to `most` times, then `next`; its body ends in `again`. */
  | { kind: 'repeat'; body: Node; least: number; most: number; next: Node }
  | { kind: 'again' }
  /** A text of `least` to `most` characters begins at `body`; each of them passes a `tick`, and `leave` ends it. */
  | { kind: 'counted'; body: Node; least: number; most: number; next: Node; lengths: Lengths; exact: boolean }
  /** One more character, which leads to the state `target` of the counted text's automaton. */
  | { kind: 'tick'; target: number; next: Node }
  | { kind: 'leave' }
);

/** `[256]` Of each byte alone; shared, never changed. */
const singles = Array.from({ length: 256 }, (_, byte) => new Uint8Array(256).fill(1, byte, byte + 1));

/** Most nodes of one grammar. */
const MOST_NODES = 200_000;

export interface Program {
  start: Node;
  /** Number of nodes made so far. */
  readonly nodes: number;
}

/** Throws a ConstraintFault if the grammar is too large. Entering a rule, whose nodes are made then, may throw it too. */
export function compileProgram({ root, rules }: Grammar): Program {
  return new Compiler(rules).compile(root);
}

/** A split whose branches are made when they are first used. */
class LazySplit {
  readonly kind = 'split';
  readonly id: number;
  readonly open: boolean;
  readonly #make: () => Node[];
  #nexts: Node[] | undefined;

  constructor(id: number, make: () => Node[], open = false) {
    this.id = id;
    this.open = open;
    this.#make = make;
  }

  get nexts(): Node[] {
    this.#nexts ??= this.#make();
    return this.#nexts;
  }
}

class Compiler {
  readonly #rules: ReadonlyMap<string, Expression>;
  readonly #bodies = new Map<string, Node>();
  readonly #continuations = new Map<string, Node>();
  /** `[256]` by the bytes that they accept. */
  readonly #accepts = new Map<string, Uint8Array>();
  /** Classes of characters come again and again. */
  readonly #spelled = new Map<Ranges, Spelling[]>();
  #count = 0;
  readonly #return: Node = { id: this.#id(), kind: 'return' };
  readonly #again: Node = { id: this.#id(), kind: 'again' };
  readonly #leave: Node = { id: this.#id(), kind: 'leave' };

  constructor(rules: ReadonlyMap<string, Expression>) {
    this.#rules = rules;
  }

  compile(root: Expression): Program {
    const start = this.#emit(root, this.#return);
    const count = () => this.#count;
    return {
      start,
      get nodes() {
        return count();
      },
    };
  }

  #id(): number {
    if (this.#count >= MOST_NODES) throw new ConstraintFault(`it needs more than ${MOST_NODES} states`);
    return this.#count++;
  }

  #emit(expression: Expression, next: Node): Node {
    switch (expression.kind) {
      case 'text':
        return this.#bytes(Buffer.from(expression.text), next);
      case 'characters':
        return this.#characters(this.#spellings(expression.ranges), next);
      case 'sequence':
        return expression.items.reduceRight((after, item) => this.#emit(item, after), next);
      case 'choice':
        return this.#split(expression.items.map((item) => this.#emit(item, next)));
      case 'repeat':
        return this.#repeat(expression, next);
      case 'rule':
        return { id: this.#id(), kind: 'call', body: this.#body(expression.name), next };
      case 'language':
        return this.#language(expression, next);
      case 'entries':
        return this.#entries(expression, next);
      case 'free':
        return this.#free(Buffer.from(expression.marker), this.#emit(expression.rest, next), next);
    }
  }

  #spellings(ranges: Ranges): Spelling[] {
    const known = this.#spelled.get(ranges) ?? spellings(ranges);
    this.#spelled.set(ranges, known);
    return known;
  }

  /** Compiled when the rule is first entered, because rules may call one another and most of a large schema is never written. */
  #body(name: string): Node {
    const known = this.#bodies.get(name);
    if (known !== undefined) return known;
    const body = new LazySplit(this.#id(), () => {
      const expression = this.#rules.get(name);
      if (expression === undefined) throw new ConstraintFault(`the rule "${name}" is not defined`);
      return [this.#emit(expression, this.#return)];
    });
    this.#bodies.set(name, body);
    return body;
  }

  /** Texts with a common prefix share nodes, which are made when they are reached. */
  #entries(expression: Expression & { kind: 'entries' }, next: Node): Node {
    const texts = entriesOf(expression).map((entry) => ({ bytes: Buffer.from(entry.text), entry }));
    const at = (group: typeof texts, depth: number): Node => {
      return new LazySplit(this.#id(), () => {
        const ended = group.filter(({ bytes }) => bytes.length === depth);
        const byByte = new Map<number, typeof texts>();
        for (const each of group) {
          const byte = each.bytes[depth];
          if (byte === undefined) continue;
          const own = byByte.get(byte);
          if (own === undefined) byByte.set(byte, [each]);
          else own.push(each);
        }
        const further = Array.from(byByte, ([byte, own]) => this.#byte([[byte, byte]], at(own, depth + 1)));
        return [...further, ...ended.map(({ entry }) => this.#emit(entry.next, next))];
      });
    };
    return at(texts, 0);
  }

  /** A node for each state of the automaton. */
  #language({ dfa, least, most, spelling }: Expression & { kind: 'language' }, next: Node): Node {
    const counts = least > 0 || most < Number.POSITIVE_INFINITY;
    const end = counts ? this.#leave : next;
    const nodes = new Map<number, Node>();
    const at = (state: number): Node => {
      const known = nodes.get(state);
      if (known !== undefined) return known;
      const make = () => {
        const { accepting, edges } = dfa[state] ?? { accepting: false, edges: [] };
        const ranges = new Map<number, [number, number][]>();
        for (const [low, high, target] of edges)
          ranges.set(target, [...(ranges.get(target) ?? []), [low, high]]);
        const steps = Array.from(ranges, ([target, all]) => {
          const step = this.#emit(spelled(all, spelling), at(target));
          return counts ? ({ id: this.#id(), kind: 'tick', target, next: step } as const) : step;
        });
        return accepting ? [...steps, end] : steps;
      };
      const node = new LazySplit(this.#id(), make, isUniversal(dfa, state));
      nodes.set(state, node);
      return node;
    };
    if (!counts) return at(0);
    const exact = dfa.length > 1;
    return {
      id: this.#id(),
      kind: 'counted',
      body: at(0),
      least,
      most,
      next,
      lengths: lengthsOf(dfa),
      exact,
    };
  }

  #split(nexts: Node[]): Node {
    const [only] = nexts;
    return nexts.length === 1 && only !== undefined ? only : { id: this.#id(), kind: 'split', nexts };
  }

  /** Any byte of the ranges. */
  #byte(ranges: readonly (readonly [low: number, high: number])[], next: Node): Node & { kind: 'byte' } {
    const key = String(ranges);
    const accepts = this.#accepts.get(key) ?? new Uint8Array(256);
    for (const [low, high] of ranges) accepts.fill(1, low, high + 1);
    this.#accepts.set(key, accepts);
    return { id: this.#id(), kind: 'byte', accepts, next };
  }

  #bytes(bytes: Uint8Array, next: Node): Node {
    return bytes.reduceRight<Node>((after, byte) => {
      return { id: this.#id(), kind: 'byte', accepts: singles[byte] ?? new Uint8Array(256), next: after };
    }, next);
  }

  /** Shares nodes of common ends: most characters of more than one byte end in the same continuation bytes. */
  #characters(all: readonly Spelling[], next: Node): Node {
    const groups = new Map<string, { heads: [number, number][]; tail: Spelling }>();
    for (const [head, ...tail] of all) {
      if (head === undefined) continue;
      const key = String(tail);
      const group = groups.get(key) ?? { heads: [], tail };
      group.heads.push([...head]);
      groups.set(key, group);
    }
    const branches = Array.from(groups.values(), ({ heads, tail }) => {
      return this.#byte(heads, tail.length === 0 ? next : this.#continuation(tail, next));
    });
    return this.#split(branches);
  }

  /** The last bytes of a character, which end many sets of characters alike. */
  #continuation(tail: Spelling, next: Node): Node {
    const key = `${next.id} ${tail.join(' ')}`;
    const known = this.#continuations.get(key) ?? this.#characters([tail], next);
    this.#continuations.set(key, known);
    return known;
  }

  #repeat({ item, least, most }: Expression & { kind: 'repeat' }, next: Node): Node {
    if (most === 0) return next;
    if (most === 1) return this.#split([this.#emit(item, next), next]);
    if (most === Number.POSITIVE_INFINITY && least <= 1) {
      const loop: Node & { kind: 'split' } = { id: this.#id(), kind: 'split', nexts: [] };
      loop.nexts.push(this.#emit(item, loop), next);
      return least === 0 ? loop : this.#emit(item, loop);
    }
    return { id: this.#id(), kind: 'repeat', body: this.#emit(item, this.#again), least, most, next };
  }

  /** Knuth, Morris and Pratt: a node for each length of the marker that the text ends in. An empty marker never comes. */
  #free(marker: Uint8Array, rest: Node, next: Node): Node {
    const lengths = Math.max(marker.length, 1);
    const nodes = Array.from({ length: lengths }, () => {
      return { id: this.#id(), kind: 'split' as const, nexts: [] as Node[] };
    });
    const [first] = nodes;
    if (first === undefined) return next;
    for (const [length, node] of nodes.entries()) {
      const byTarget = new Map<Node, [number, number][]>();
      for (let byte = 0; byte < 256; byte++) {
        const after = endsIn(marker, length, byte);
        const target = marker.length > 0 && after === marker.length ? rest : (nodes[after] ?? first);
        byTarget.set(target, [...(byTarget.get(target) ?? []), [byte, byte]]);
      }
      const edges = Array.from(byTarget, ([target, bytes]) => this.#byte(bytes, target));
      node.nexts.push(...edges, { id: this.#id(), kind: 'textless', next: first }, next);
    }
    return first;
  }
}

/** Length of the longest suffix of the marker's first `length` bytes plus one byte that is a prefix of the marker. */
function endsIn(marker: Uint8Array, length: number, byte: number): number {
  if (marker.length === 0) return 0;
  const seen = [...marker.subarray(0, length), byte];
  for (let size = seen.length; size > 0; size--) {
    if (seen.slice(-size).every((each, i) => each === marker[i])) return size;
  }
  return 0;
}
