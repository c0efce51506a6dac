// A grammar as a graph of nodes that a matcher walks byte by byte. Knows no tokens and no states.
import { type Spelling, spellings } from './characters.ts';
import type { Expression, Grammar, Ranges } from './expression.ts';
import { ConstraintFault } from './fault.ts';

export type Node = { readonly id: number } & (
  | { kind: 'byte'; accepts: Uint8Array /** `[256]`, 1 where it may come */; next: Node }
  /** Any token that is no text (special tokens); leads to `next`. */
  | { kind: 'textless'; next: Node }
  /** Goes on at each of them without a byte. */
  | { kind: 'split'; nexts: Node[] }
  /** The rule's body, then `next`. */
  | { kind: 'call'; body: Node; next: Node }
  | { kind: 'return' }
  /** The body from `least` to `most` times, then `next`; its body ends in `again`. */
  | { kind: 'repeat'; body: Node; least: number; most: number; next: Node }
  | { kind: 'again' }
);

/** `[256]` Of each byte alone; shared, never changed. */
const singles = Array.from({ length: 256 }, (_, byte) => new Uint8Array(256).fill(1, byte, byte + 1));

/** Nodes of one grammar, at most. */
const MOST_NODES = 200_000;

export interface Program {
  start: Node;
  /** Number of nodes. */
  nodes: number;
}

/** Throws a ConstraintFault where the grammar is too large. */
export function compileProgram({ root, rules }: Grammar): Program {
  return new Compiler(rules).compile(root);
}

class Compiler {
  readonly #rules: ReadonlyMap<string, Expression>;
  readonly #bodies = new Map<string, Node & { kind: 'split' }>();
  readonly #unfinished: string[] = [];
  /** Classes of characters come again and again. */
  readonly #spelled = new Map<Ranges, Spelling[]>();
  #count = 0;
  readonly #return: Node = { id: this.#id(), kind: 'return' };
  readonly #again: Node = { id: this.#id(), kind: 'again' };

  constructor(rules: ReadonlyMap<string, Expression>) {
    this.#rules = rules;
  }

  compile(root: Expression): Program {
    const start = this.#emit(root, this.#return);
    for (let name = this.#unfinished.pop(); name !== undefined; name = this.#unfinished.pop()) {
      const body = this.#rules.get(name);
      if (body === undefined) throw new ConstraintFault(`the rule "${name}" is not defined`);
      this.#bodies.get(name)?.nexts.push(this.#emit(body, this.#return));
    }
    return { start, nodes: this.#count };
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
      case 'free':
        return this.#free(Buffer.from(expression.marker), this.#emit(expression.rest, next), next);
    }
  }

  #spellings(ranges: Ranges): Spelling[] {
    const known = this.#spelled.get(ranges) ?? spellings(ranges);
    this.#spelled.set(ranges, known);
    return known;
  }

  /** Compiled once, after what is being compiled now: rules may call one another. */
  #body(name: string): Node {
    const known = this.#bodies.get(name);
    if (known !== undefined) return known;
    const body = { id: this.#id(), kind: 'split' as const, nexts: [] };
    this.#bodies.set(name, body);
    this.#unfinished.push(name);
    return body;
  }

  #split(nexts: Node[]): Node {
    const [only] = nexts;
    return nexts.length === 1 && only !== undefined ? only : { id: this.#id(), kind: 'split', nexts };
  }

  /** Accepts nothing yet. */
  #byte(next: Node): Node & { kind: 'byte' } {
    return { id: this.#id(), kind: 'byte', accepts: new Uint8Array(256), next };
  }

  #bytes(bytes: Uint8Array, next: Node): Node {
    return bytes.reduceRight<Node>((after, byte) => {
      return { id: this.#id(), kind: 'byte', accepts: singles[byte] ?? new Uint8Array(256), next: after };
    }, next);
  }

  /** What ends alike shares its nodes: most characters of more than one byte end in the same continuation bytes. */
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
      const node = this.#byte(tail.length === 0 ? next : this.#characters([tail], next));
      for (const [low, high] of heads) node.accepts.fill(1, low, high + 1);
      return node;
    });
    return this.#split(branches);
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
      const byTarget = new Map<Node, Node & { kind: 'byte' }>();
      for (let byte = 0; byte < 256; byte++) {
        const after = endsIn(marker, length, byte);
        const target = marker.length > 0 && after === marker.length ? rest : (nodes[after] ?? first);
        const edge = byTarget.get(target) ?? this.#byte(target);
        edge.accepts[byte] = 1;
        byTarget.set(target, edge);
      }
      node.nexts.push(...byTarget.values(), { id: this.#id(), kind: 'textless', next: first }, next);
    }
    return first;
  }
}

/** Of the marker's first `length` bytes and one more: the longest end that begins the marker. */
function endsIn(marker: Uint8Array, length: number, byte: number): number {
  if (marker.length === 0) return 0;
  const seen = [...marker.subarray(0, length), byte];
  for (let size = seen.length; size > 0; size--) {
    if (seen.slice(-size).every((each, i) => each === marker[i])) return size;
  }
  return 0;
}
