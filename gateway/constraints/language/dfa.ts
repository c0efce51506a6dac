// Deterministic automata over code points: sets of texts that can be intersected, subtracted and measured.
//
// Worked example, the texts "a", "ab", "abb" …:
//   [{ accepting: false, edges: [[97, 97, 1]] }, { accepting: true, edges: [[98, 98, 1]] }]

import { ConstraintFault } from '../fault.ts';
import { everyCharacter } from '../grammar/characters.ts';
import { spendStates } from '../reading/budget.ts';

/** Code points `low` to `high`, both included, lead to the state `target`. */
export type Edge = readonly [low: number, high: number, target: number];

interface DfaState {
  readonly accepting: boolean;
  /** Sorted by code point, without overlaps. A text with a code point that has no edge is refused. */
  readonly edges: readonly Edge[];
}

/** Every state can be reached from state 0, the first one. Every state except perhaps state 0 can reach an accepting state. */
export type Dfa = readonly DfaState[];

/** Most states of one automaton. An automaton that needs more gets a ConstraintFault. */
const MOST_STATES = 10_000;

export const noText: Dfa = [{ accepting: false, edges: [] }];
export const everyText: Dfa = [
  { accepting: true, edges: everyCharacter.map(([low, high]) => [low, high, 0] as const) },
];

/** The automaton that accepts exactly these texts. */
export function listed(texts: Iterable<string>): Dfa {
  interface Branch {
    ends: boolean;
    next: Map<number, Branch>;
  }
  const root: Branch = { ends: false, next: new Map() };
  for (const text of texts) {
    let at = root;
    for (const character of text) {
      const point = character.codePointAt(0) ?? 0;
      const next = at.next.get(point) ?? { ends: false, next: new Map() };
      at.next.set(point, next);
      at = next;
    }
    at.ends = true;
  }
  const numbers = new Map<Branch, number>();
  const numberOf = (branch: Branch) => {
    const number = numbers.get(branch) ?? numbers.size;
    numbers.set(branch, number);
    return number;
  };
  return explore<Branch>(root, numberOf, ({ ends, next }) => ({
    accepting: ends,
    edges: [...next].sort(([a], [b]) => a - b).map(([point, branch]) => [point, point, branch] as const),
  }));
}

export function isEmpty([start]: Dfa): boolean {
  return start === undefined || (!start.accepting && start.edges.length === 0);
}

/** Whether the state accepts and all characters lead back to it. Every text is then accepted from this state on. */
export function isUniversal(dfa: Dfa, state: number): boolean {
  const { accepting, edges } = dfa[state] ?? { accepting: false, edges: [] };
  return accepting && edges.every(([, , target]) => target === state) && takesEvery(edges);
}

const characterCount = everyCharacter.reduce((sum, [low, high]) => sum + high - low + 1, 0);

/** Whether every character has an edge. */
function takesEvery(edges: readonly Edge[]): boolean {
  return edges.reduce((sum, [low, high]) => sum + high - low + 1, 0) >= characterCount;
}

/** The state that a code point leads to. Undefined if the code point is refused. */
export function stateAfter(dfa: Dfa, state: number, point: number): number | undefined {
  return dfa[state]?.edges.find(([low, high]) => low <= point && point <= high)?.[2];
}

export function matches(dfa: Dfa, text: string): boolean {
  let state: number | undefined = 0;
  for (const character of text) {
    state = stateAfter(dfa, state, character.codePointAt(0) ?? 0);
    if (state === undefined) return false;
  }
  return dfa[state]?.accepting === true;
}

/** The texts that both automata accept. */
export function intersection(a: Dfa, b: Dfa): Dfa {
  if (a === everyText) return b;
  if (b === everyText) return a;
  return product(a, b, (inA, inB) => inA && inB);
}

/** The texts that the first automaton accepts and the second does not. */
export function difference(a: Dfa, b: Dfa): Dfa {
  return product(a, b, (inA, inB) => inA && !inB);
}

/** The texts that at least one of the automata accepts. */
export function unionOf(a: Dfa, b: Dfa): Dfa {
  return product(a, b, (inA, inB) => inA || inB);
}

/** A pair of states of two automata. -1 stands for no state: that automaton accepts no text that begins with the text so far. */
type Pair = readonly [a: number, b: number];

function product(a: Dfa, b: Dfa, accepts: (inA: boolean, inB: boolean) => boolean): Dfa {
  const aloneA = accepts(true, false);
  const aloneB = accepts(false, true);
  return explore<Pair>(
    [0, 0],
    ([x, y]) => (x + 1) * (b.length + 1) + y + 1,
    ([x, y]) => ({
      accepting: accepts(a[x]?.accepting === true, b[y]?.accepting === true),
      edges: paired(a[x]?.edges ?? [], b[y]?.edges ?? []).filter(([, , [toA, toB]]) => {
        return (toA >= 0 || aloneB) && (toB >= 0 || aloneA);
      }),
    }),
  );
}

/** The edges of two states together: every code point for which at least one state has an edge, with both targets. */
function paired(a: readonly Edge[], b: readonly Edge[]): [low: number, high: number, targets: Pair][] {
  const made: [number, number, Pair][] = [];
  let [i, j, at] = [0, 0, 0];
  for (;;) {
    while (i < a.length && a[i]![1] < at) i++;
    while (j < b.length && b[j]![1] < at) j++;
    const [one, other] = [a[i], b[j]];
    if (one === undefined && other === undefined) return made;
    const inOne = one !== undefined && one[0] <= at;
    const inOther = other !== undefined && other[0] <= at;
    const nexts = [one, other].flatMap((edge) =>
      edge === undefined ? [] : edge[0] > at ? [edge[0] - 1] : [edge[1]],
    );
    const end = Math.min(...nexts);
    if (inOne || inOther) made.push([at, end, [inOne ? one[2] : -1, inOther ? other[2] : -1]]);
    at = end + 1;
  }
}

interface Explored<Item> {
  accepting: boolean;
  /** Sorted by code point, without overlaps. */
  edges: readonly (readonly [low: number, high: number, target: Item])[];
}

/**
 * The automaton whose states are the items that can be reached from `start`. Leaves out items from which nothing is accepted. `key`
 * is equal for items that are the same state. `look` finds the edges of an item. Throws a ConstraintFault if there are more than
 * MOST_STATES.
 */
export function explore<Item>(
  start: Item,
  key: (item: Item) => string | number,
  look: (item: Item) => Explored<Item>,
): Dfa {
  const numbers = new Map<string | number, number>([[key(start), 0]]);
  const open: Item[] = [start];
  const states: DfaState[] = [];
  const numberOf = (item: Item): number => {
    const name = key(item);
    const known = numbers.get(name);
    if (known !== undefined) return known;
    if (numbers.size >= MOST_STATES) {
      throw new ConstraintFault(`it needs an automaton of more than ${MOST_STATES} states`);
    }
    spendStates(1);
    numbers.set(name, numbers.size);
    open.push(item);
    return numbers.size - 1;
  };
  for (let at = 0; at < open.length; at++) {
    const { accepting, edges } = look(open[at] as Item);
    states.push({
      accepting,
      edges: joined(edges.map(([low, high, item]) => [low, high, numberOf(item)] as const)),
    });
  }
  return trimmed(states);
}

/** Joins adjacent edges to the same target. */
function joined(edges: readonly Edge[]): Edge[] {
  const made: [number, number, number][] = [];
  for (const [low, high, target] of edges) {
    const last = made.at(-1);
    if (last !== undefined && last[1] + 1 === low && last[2] === target) last[1] = high;
    else made.push([low, high, target]);
  }
  return made;
}

/** Removes states from which nothing is accepted, and joins all states from which everything is accepted. */
function trimmed(states: readonly DfaState[]): Dfa {
  const alive = backwards(states, (state) => state.accepting);
  const kept = states.map(({ accepting, edges }) => ({
    accepting,
    edges: edges.filter(([, , target]) => alive[target] === 1),
  }));
  const notAll = backwards(kept, ({ accepting, edges }) => !accepting || !takesEvery(edges));
  const firstAll = notAll.indexOf(0);
  const merged = (target: number) => (notAll[target] === 0 ? firstAll : target);
  return renumbered(
    kept.map(({ accepting, edges }) => ({
      accepting,
      edges: joined(edges.map(([low, high, target]) => [low, high, merged(target)] as const)),
    })),
    merged(0),
  );
}

/** `[states]` 1 for each state for which `holds` is true, and for each state from which such a state can be reached. */
function backwards(states: readonly DfaState[], holds: (state: DfaState) => boolean): Uint8Array {
  const before: number[][] = states.map(() => []);
  for (const [from, { edges }] of states.entries()) for (const [, , to] of edges) before[to]?.push(from);
  const found = new Uint8Array(states.length);
  const open = [...states.keys()].filter((i) => holds(states[i] as DfaState));
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    if (found[i] === 1) continue;
    found[i] = 1;
    open.push(...(before[i] ?? []));
  }
  return found;
}

function renumbered(states: readonly DfaState[], start: number): Dfa {
  const numbers = new Map([[start, 0]]);
  const order = [start];
  for (let at = 0; at < order.length; at++) {
    for (const [, , target] of states[order[at] as number]?.edges ?? []) {
      if (numbers.has(target)) continue;
      numbers.set(target, numbers.size);
      order.push(target);
    }
  }
  return order.map((old) => {
    const { accepting, edges } = states[old] as DfaState;
    return {
      accepting,
      edges: edges.map(([low, high, target]) => [low, high, numbers.get(target) as number] as const),
    };
  });
}
