// Turns a pattern into the automaton of the texts that match it from beginning to end. This is the subset construction,
// extended by assertions: each state is a set of threads, and a thread carries the lookaheads that still have to be met.

import { ConstraintFault } from '../fault.ts';
import type { Ranges } from '../grammar/characters.ts';
import { complement, everyCharacter } from '../grammar/characters.ts';
import { spendStates } from '../reading/budget.ts';
import { type Dfa, type Edge, explore, stateAfter } from './dfa.ts';
import { type Assertion, anything, hasPart, type Pattern, WORD } from './pattern.ts';

/** Most nodes of one pattern, whose counts are written out: `a{3}` has three nodes. */
const MOST_NODES = 50_000;
/** Most threads of one state. */
const MOST_THREADS = 2000;
/** Most visits of threads for one automaton. They take half a second. */
const MOST_VISITS = 500_000;
/** Visiting this many threads takes as long as making one state. */
const VISITS_PER_STATE = 10;

type Node =
  | { kind: 'set'; ranges: Ranges; next: number }
  | { kind: 'split'; nexts: number[] }
  | { kind: 'edge'; edge: Assertion; next: number }
  | { kind: 'look'; look: number; next: number }
  | { kind: 'accept' };

interface Look {
  /** Accepts texts that begin with a match of the lookahead's pattern. */
  dfa: Dfa;
  negated: boolean;
}

/** The character before a place in the text: none, one that \w matches, or another. */
type Before = 'start' | 'word' | 'other';
/** The character after a place in the text. */
type Behind = 'end' | 'word' | 'other';

interface Thread {
  /** Place in the pattern. */
  node: number;
  /** The open lookaheads, each as `look:state`: its index, and the state of its automaton. */
  duties: readonly string[];
}

/** A state of the automaton: all threads that the text so far leads to. */
interface Subset {
  threads: readonly Thread[];
  before: Before;
}

/** The texts that match the pattern from beginning to end. Throws a ConstraintFault if their automaton is too large. */
export function dfaOf(pattern: Pattern): Dfa {
  const builder = new Builder();
  const start = builder.emit(pattern, builder.accept);
  return new Determinizer(builder.nodes, builder.looks).run(start);
}

class Builder {
  readonly nodes: Node[] = [{ kind: 'accept' }];
  readonly looks: Look[] = [];
  readonly accept = 0;

  emit(pattern: Pattern, next: number): number {
    switch (pattern.kind) {
      case 'set':
        return this.#node({ kind: 'set', ranges: pattern.ranges, next });
      case 'sequence':
        return pattern.items.reduceRight((after, item) => this.emit(item, after), next);
      case 'choice':
        return this.#node({ kind: 'split', nexts: pattern.items.map((item) => this.emit(item, next)) });
      case 'repeat':
        return this.#repeat(pattern, next);
      case 'edge':
        return this.#node({ kind: 'edge', edge: pattern.edge, next });
      case 'look':
        return this.#node({ kind: 'look', look: this.#look(pattern), next });
    }
  }

  #repeat({ item, least, most }: Pattern & { kind: 'repeat' }, next: number): number {
    let after = next;
    if (most === Number.POSITIVE_INFINITY) {
      const loop: Node & { kind: 'split' } = { kind: 'split', nexts: [] };
      after = this.#node(loop);
      loop.nexts.push(this.emit(item, after), next);
    } else {
      for (let i = least; i < most; i++) {
        after = this.#node({ kind: 'split', nexts: [this.emit(item, after), next] });
      }
    }
    for (let i = 0; i < least; i++) after = this.emit(item, after);
    return after;
  }

  #look({ item, negated }: Pattern & { kind: 'look' }): number {
    // The automaton of a lookahead does not see the text before the lookahead.
    if (hasPart(item, (part) => part.kind === 'look' || (part.kind === 'edge' && part.edge !== 'end')))
      throw new ConstraintFault('the pattern has ^, \\b or a lookahead within a lookahead');
    this.looks.push({ dfa: dfaOf({ kind: 'sequence', items: [item, anything] }), negated });
    return this.looks.length - 1;
  }

  #node(node: Node): number {
    spendStates(0);
    if (this.nodes.length >= MOST_NODES) throw new ConstraintFault('the pattern is too large');
    this.nodes.push(node);
    return this.nodes.length - 1;
  }
}

const notWord = complement(WORD);

class Determinizer {
  readonly #nodes: readonly Node[];
  readonly #looks: readonly Look[];
  readonly #atWords: boolean;
  #visits = 0;

  constructor(nodes: readonly Node[], looks: readonly Look[]) {
    this.#nodes = nodes;
    this.#looks = looks;
    this.#atWords = nodes.some((node) => node.kind === 'edge' && /boundary|inside/.test(node.edge));
  }

  run(start: number): Dfa {
    return explore<Subset>(
      { threads: [{ node: start, duties: [] }], before: 'start' },
      ({ threads, before }) => `${before} ${threads.map(keyOf).join(' ')}`,
      (subset) => this.#look(subset),
    );
  }

  #look(subset: Subset): { accepting: boolean; edges: (readonly [number, number, Subset])[] } {
    const accepting = this.#closure(subset, 'end').some(({ node, duties }) => {
      return this.#nodes[node]?.kind === 'accept' && duties.every((duty) => this.#isMet(duty));
    });
    if (!this.#atWords) return { accepting, edges: this.#edges(subset, 'other', everyCharacter, 'other') };
    const edges = [
      ...this.#edges(subset, 'word', WORD, 'word'),
      ...this.#edges(subset, 'other', notWord, 'other'),
    ].sort(([a], [b]) => a - b);
    return { accepting, edges };
  }

  /** Edges for the characters of `among`. Their kind is `behind` for the place before them, `before` for the place after them. */
  #edges(
    subset: Subset,
    behind: Behind,
    among: Ranges,
    before: Before,
  ): (readonly [number, number, Subset])[] {
    const threads = this.#closure(subset, behind);
    const steps = threads.flatMap(({ node, duties }) => {
      const at = this.#nodes[node];
      return at?.kind === 'set' ? [{ ranges: at.ranges, next: at.next, duties }] : [];
    });
    const dutyEdges = steps.flatMap(({ duties }) => duties.flatMap((duty) => this.#dutyEdges(duty)));
    const cuts = cutsOf([
      among,
      ...steps.map(({ ranges }) => ranges),
      dutyEdges.map(([a, b]) => [a, b] as const),
    ]);
    return cuts.flatMap(([low, high]) => {
      if (!contains(among, low)) return [];
      const next = new Map<string, Thread>();
      for (const step of steps) {
        if (!contains(step.ranges, low)) continue;
        const duties = this.#stepped(step.duties, low);
        if (duties === undefined) continue;
        const thread = { node: step.next, duties };
        next.set(keyOf(thread), thread);
      }
      if (next.size === 0) return [];
      if (next.size > MOST_THREADS) throw new ConstraintFault('the pattern is too ambiguous');
      const sorted = [...next].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, thread]) => thread);
      return [[low, high, { threads: sorted, before }] as const];
    });
  }

  /** The threads that the subset leads to without reading a character. Each is at a node that reads a character or accepts. */
  #closure({ threads, before }: Subset, behind: Behind): Thread[] {
    const seen = new Set<string>();
    const found: Thread[] = [];
    const open = [...threads];
    for (let thread = open.pop(); thread !== undefined; thread = open.pop()) {
      const key = keyOf(thread);
      if (seen.has(key)) continue;
      seen.add(key);
      const { duties } = thread;
      const node = this.#nodes[thread.node] as Node;
      if (node.kind === 'split') open.push(...node.nexts.map((next) => ({ node: next, duties })));
      else if (node.kind === 'edge') {
        if (holds[node.edge](before, behind)) open.push({ node: node.next, duties });
      } else if (node.kind === 'look') {
        const all = this.#withDuty(duties, node.look, 0);
        if (all !== undefined) open.push({ node: node.next, duties: all });
      } else found.push(thread);
    }
    this.#visits += seen.size;
    if (this.#visits > MOST_VISITS) throw new ConstraintFault('the pattern is too ambiguous');
    spendStates(Math.floor(seen.size / VISITS_PER_STATE));
    return found;
  }

  #isMet(duty: string): boolean {
    const [look, state] = this.#duty(duty);
    return look.dfa[state]?.accepting === !look.negated;
  }

  #dutyEdges(duty: string): readonly Edge[] {
    const [{ dfa }, state] = this.#duty(duty);
    return dfa[state]?.edges ?? [];
  }

  /** The duties after one more character. Undefined if one of the duties can no longer be met. */
  #stepped(duties: readonly string[], point: number): string[] | undefined {
    let after: string[] | undefined = [];
    for (const duty of duties) {
      const [look, state] = this.#duty(duty);
      const next = stateAfter(look.dfa, state, point);
      if (next !== undefined) after = after && this.#withDuty(after, this.#looks.indexOf(look), next);
      else if (!look.negated) return undefined;
    }
    return after;
  }

  /** Adds the duty of a lookahead, unless it is always met. Returns undefined if the duty cannot be met. */
  #withDuty(duties: readonly string[], index: number, state: number): string[] | undefined {
    const look = this.#looks[index] as Look;
    const { accepting, edges } = look.dfa[state] ?? { accepting: false, edges: [] };
    const settled = edges.length === 0 || edges.every(([, , target]) => target === state);
    if (settled && accepting && isWhole(edges)) return look.negated ? undefined : [...duties];
    if (edges.length === 0 && !accepting) return look.negated ? [...duties] : undefined;
    return [...new Set([...duties, `${index}:${state}`])].sort();
  }

  #duty(duty: string): [Look, number] {
    const [index, state] = duty.split(':').map(Number);
    return [this.#looks[index as number] as Look, state as number];
  }
}

function isWhole(edges: readonly Edge[]): boolean {
  return complement(edges.map(([low, high]) => [low, high] as const)).length === 0;
}

/** Whether an assertion is true between two characters. */
const holds: Readonly<Record<Assertion, (before: Before, behind: Behind) => boolean>> = {
  start: (before) => before === 'start',
  end: (_before, behind) => behind === 'end',
  boundary: (before, behind) => (before === 'word') !== (behind === 'word'),
  inside: (before, behind) => (before === 'word') === (behind === 'word'),
};

function keyOf({ node, duties }: Thread): string {
  return duties.length === 0 ? String(node) : `${node}/${duties.join('/')}`;
}

/** Cuts all code points into ranges, each of which is completely within or completely outside each of the sets. */
function cutsOf(sets: readonly Ranges[]): [low: number, high: number][] {
  const starts = new Set<number>();
  for (const set of sets) {
    for (const [low, high] of set) {
      starts.add(low);
      starts.add(high + 1);
    }
  }
  const sorted = [...starts].sort((a, b) => a - b);
  return sorted.slice(1).map((next, i) => [sorted[i] as number, next - 1]);
}

function contains(ranges: Ranges, point: number): boolean {
  let [from, to] = [0, ranges.length - 1];
  while (from <= to) {
    const middle = (from + to) >> 1;
    const [low, high] = ranges[middle] as readonly [number, number];
    if (point < low) to = middle - 1;
    else if (point > high) from = middle + 1;
    else return true;
  }
  return false;
}
