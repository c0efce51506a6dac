// A grammar as a graph of nodes, through which a matcher goes byte by byte. Knows neither tokens nor the matcher's states.

import { ConstraintFault } from '../fault.ts';
import { isUniversal } from '../language/dfa.ts';
import { type Lengths, lengthsOf } from '../language/lengths.ts';
import { suffixLength } from '../suffix.ts';
import { encodings, type Ranges } from './characters.ts';
import { type Expression, entriesOf, type Grammar } from './expression.ts';
import { spelled } from './json-text.ts';

export type Node = {
  readonly id: number;
} /** Reads one byte. `accepts [256]` is 1 for each byte that may come. */ & (
  | { kind: 'byte'; accepts: Uint8Array; next: Node }
  /** Any token that is not text (special tokens), except the one with the id `except`; leads to `next`. */
  | { kind: 'textless'; except: number | undefined; next: Node }
  /** The token with this id, which is not text. */
  | { kind: 'token'; token: number; next: Node }
  /**
   * Continues at each of `nexts` without reading a byte. `open`: any characters may come from here on, unless a count forbids them.
   */
  | { kind: 'split'; readonly nexts: Node[]; readonly open?: boolean }
  /** Matches the rule's body, which ends in `return`, then `next`. */
  | { kind: 'call'; body: Node; next: Node }
  | { kind: 'return' }
  /** Matches the body, which ends in `again`, from `least` to `most` times, then `next`. */
  | { kind: 'repeat'; body: Node; least: number; most: number; next: Node }
  | { kind: 'again' }
  /**
   * Begins a text of `least` to `most` characters at `body`. Each character passes a `tick`, and `leave` ends the text. `exact`:
   * the lengths that the text may have depend on the state of its automaton.
   */
  | { kind: 'counted'; body: Node; least: number; most: number; next: Node; lengths: Lengths; exact: boolean }
  /** Counts one more character, which leads to the state `target` of the counted text's automaton. */
  | { kind: 'tick'; target: number; next: Node }
  | { kind: 'leave' }
);

/** `[256][256]` For each byte, the array that accepts this byte alone. Nodes share these arrays, so they must not change. */
const singles = Array.from({ length: 256 }, (_, byte) => new Uint8Array(256).fill(1, byte, byte + 1));

/** Most nodes of one grammar. A grammar that needs more gets a ConstraintFault. */
const MOST_NODES = 200_000;

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

export class Program {
  readonly start: Node;
  readonly #rules: ReadonlyMap<string, Expression>;
  readonly #bodies = new Map<string, Node>();
  readonly #continuations = new Map<string, Node>();
  /** Arrays `accepts [256]` of nodes, by the ranges of bytes that they accept. */
  readonly #accepts = new Map<string, Uint8Array>();
  /** The encodings of each set of characters. They are kept, because a grammar uses the same few sets many times. */
  readonly #encodings = new Map<Ranges, Ranges[]>();
  #count = 0;
  readonly #return: Node = { id: this.#id(), kind: 'return' };
  readonly #again: Node = { id: this.#id(), kind: 'again' };
  readonly #leave: Node = { id: this.#id(), kind: 'leave' };

  /** Throws a ConstraintFault if the grammar is too large. Using `nexts` may make further nodes and throw the same fault. */
  constructor({ root, rules }: Grammar) {
    this.#rules = rules;
    this.start = this.#emit(root, this.#return);
  }

  /** Number of nodes made so far. */
  get nodes(): number {
    return this.#count;
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
        return this.#characters(this.#encodingsOf(expression.ranges), next);
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
      case 'token':
        return { id: this.#id(), kind: 'token', token: expression.id, next };
      case 'free':
        return this.#free(expression, this.#emit(expression.rest, next), next);
    }
  }

  #encodingsOf(ranges: Ranges): Ranges[] {
    const known = this.#encodings.get(ranges) ?? encodings(ranges);
    this.#encodings.set(ranges, known);
    return known;
  }

  /** Compiles the body when the rule is first entered, because rules may call one another and most rules are never entered. */
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

  /** Entries whose texts have a common prefix share nodes. Nodes are made when a matcher reaches them. */
  #entries(expression: Expression & { kind: 'entries' }, next: Node): Node {
    const texts = entriesOf(expression).map((entry) => ({ bytes: Buffer.from(entry.text), entry }));
    const at = (group: typeof texts, depth: number): Node => {
      return new LazySplit(this.#id(), () => {
        const ended = group.filter(({ bytes }) => bytes.length === depth);
        const longer = group.filter(({ bytes }) => bytes.length > depth);
        const byByte = Map.groupBy(longer, ({ bytes }) => bytes[depth] ?? 0);
        const further = Array.from(byByte, ([byte, own]) => this.#byte([[byte, byte]], at(own, depth + 1)));
        return [...further, ...ended.map(({ entry }) => this.#emit(entry.next, next))];
      });
    };
    return at(texts, 0);
  }

  /** Makes the nodes for a state of the automaton when a matcher first reaches that state. */
  #language({ dfa, least, most, spelling }: Expression & { kind: 'language' }, next: Node): Node {
    const counts = least > 0 || most < Number.POSITIVE_INFINITY;
    const end = counts ? this.#leave : next;
    const nodes = new Map<number, Node>();
    const at = (state: number): Node => {
      const known = nodes.get(state);
      if (known !== undefined) return known;
      const make = () => {
        const { accepting, edges } = dfa[state] ?? { accepting: false, edges: [] };
        const byTarget = Map.groupBy(edges, ([, , target]) => target);
        const steps = Array.from(byTarget, ([target, all]) => {
          const ranges = all.map(([low, high]) => [low, high] as const);
          const step = this.#emit(spelled(ranges, spelling), at(target));
          return counts ? ({ id: this.#id(), kind: 'tick', target, next: step } as const) : step;
        });
        return accepting ? [...steps, end] : steps;
      };
      const node = new LazySplit(this.#id(), make, isUniversal(dfa, state));
      nodes.set(state, node);
      return node;
    };
    if (!counts) return at(0);
    const counted = { least, most, next, lengths: lengthsOf(dfa), exact: dfa.length > 1 };
    return { id: this.#id(), kind: 'counted', body: at(0), ...counted };
  }

  #split(nexts: Node[]): Node {
    const [only] = nexts;
    return nexts.length === 1 && only !== undefined ? only : { id: this.#id(), kind: 'split', nexts };
  }

  /** Reads any byte of the ranges. */
  #byte(ranges: Ranges, next: Node): Node & { kind: 'byte' } {
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

  /** Encodings whose last bytes have the same ranges share the nodes of these bytes. Most encodings of several bytes do. */
  #characters(all: readonly Ranges[], next: Node): Node {
    const byTail = Map.groupBy(all, ([, ...tail]) => String(tail));
    const branches = Array.from(byTail.values(), (group) => {
      const tail = group[0]?.slice(1) ?? [];
      const heads = group.flatMap((bytes) => bytes.slice(0, 1));
      return this.#byte(heads, tail.length === 0 ? next : this.#continuation(tail, next));
    });
    return this.#split(branches);
  }

  /** The nodes for the last bytes of characters. Many sets of characters share these nodes. */
  #continuation(tail: Ranges, next: Node): Node {
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

  /**
   * Searches for the marker as Knuth, Morris and Pratt do: node `i` stands for texts that end in the first `i` bytes of the marker.
   * An empty marker is never found.
   */
  #free(free: Expression & { kind: 'free' }, rest: Node, next: Node): Node {
    const { marker: sought, begun = '', token } = free;
    const marker = Buffer.from(sought);
    const lengths = Math.max(marker.length, 1);
    const nodes = Array.from({ length: lengths }, () => {
      return { id: this.#id(), kind: 'split' as const, nexts: [] as Node[] };
    });
    const [first] = nodes;
    if (first === undefined) return next;
    for (const [length, node] of nodes.entries()) {
      const byTarget = Map.groupBy(singles.keys(), (byte) => {
        const after = suffixLength([...marker.subarray(0, length), byte], marker);
        return marker.length > 0 && after === marker.length ? rest : (nodes[after] ?? first);
      });
      const edges = Array.from(byTarget, ([target, bytes]) =>
        this.#byte(
          bytes.map((byte) => [byte, byte]),
          target,
        ),
      );
      node.nexts.push(...edges, { id: this.#id(), kind: 'textless', except: token, next: first }, next);
      if (token !== undefined) node.nexts.push({ id: this.#id(), kind: 'token', token, next: rest });
    }
    return nodes[suffixLength([...Buffer.from(begun)], marker)] ?? first;
  }
}
