// A grammar's states, made as they are reached: which byte leads from which to which. Knows no tokens.
//
// A state is the set of places that the text so far may have reached: a node, and the frames it returns to. Frames and states
// that are equal are one object, so what is learned of a state (its transitions, its mask) is learned once.

import type { Grammar } from './expression.ts';
import { ConstraintFault } from './fault.ts';
import { compileProgram, type Node, type Program } from './program.ts';

/** Where to go on after a rule's body, or how often a repeat's body may still come. */
interface Frame {
  id: number;
  /** The same for frames that differ only in counts too high to matter within one token. */
  likeness: number;
  node: Node;
  /** Of a repeat: iterations that must, and that may, follow the one under way. */
  least: number;
  most: number;
  parent: Frame | undefined;
}

interface Place {
  node: Node;
  frame: Frame | undefined;
}

/** `[256]`; null: the byte may not come, undefined: not known yet. */
type Steps = (State | null | undefined)[];
/** Of states that no byte was followed from: most are only looked at. */
const noSteps: Steps = [];

/** What is found of a state beside its places. */
interface Found {
  accepting: boolean;
  open: number;
  mixed: boolean;
  seed: Place | undefined;
}

export class State {
  readonly places: readonly Place[];
  /** The text may end here. */
  readonly accepting: boolean;
  /** Up to this many arbitrary characters may come next, because a string is open (see "plain" in vocabulary.ts). */
  readonly open: number;
  /** Beside those, other characters may come, perhaps more of them. */
  readonly mixed: boolean;
  /** What led here, if it was one place. */
  readonly #seed: Place | undefined;
  #next = noSteps;
  #likeness: string | undefined;

  constructor(places: readonly Place[], { accepting, open, mixed, seed }: Found) {
    this.places = places;
    this.accepting = accepting;
    this.open = open;
    this.mixed = mixed;
    this.#seed = seed;
  }

  get next(): Readonly<Steps> {
    return this.#next;
  }

  lead(byte: number, to: State | null): void {
    if (this.#next === noSteps) this.#next = new Array<State | null | undefined>(256);
    this.#next[byte] = to;
  }

  /** Tokens that are no text may come. */
  get textless(): boolean {
    return this.places.some(({ node }) => node.kind === 'textless');
  }

  /** All that may come is characters of any kind and what ends them, and nothing has been counted that must still come. */
  get loop(): boolean {
    return this.open > 0 && !this.mixed && isLoop(this.#seed);
  }

  /** Equal where the same tokens may come. */
  get likeness(): string {
    this.#likeness ??= `${this.accepting}:${this.places
      .map(({ node, frame }) => `${node.id},${frame?.likeness ?? 0}`)
      .sort()
      .join(' ')}`;
    return this.#likeness;
  }
}

/** Places of one state; a grammar that is in more places at once is too ambiguous to follow. */
const MOST_PLACES = 4096;
/** Places looked at to find one mask: some tenths of a second. */
const MOST_WORK = 1_000_000;
/** States remembered; more are forgotten, all at once. */
const MOST_STATES = 4096;
const BYTES_PER_STATE = 3000;
const BYTES_PER_NODE = 400;

export interface AutomatonOptions {
  /** Bytes of the longest token: counts above it are alike. */
  longestToken: number;
}

export class Automaton {
  readonly #horizon: number;
  readonly #program: Program;
  #frames = new Map<string, Frame>();
  #likenesses = new Map<string, number>();
  #states = new Map<string, State>();
  /** By the one place that led there. */
  #seeded = new Map<number, State>();
  #ids = 1;
  #work = 0;

  /** Throws a ConstraintFault where the grammar is too large. */
  constructor(grammar: Grammar, { longestToken }: AutomatonOptions) {
    this.#horizon = longestToken + 1;
    this.#program = compileProgram(grammar);
  }

  /** Bytes in memory, roughly. */
  get size(): number {
    const { nodes } = this.#program;
    return this.#states.size * BYTES_PER_STATE + this.#frames.size * 200 + nodes * BYTES_PER_NODE;
  }

  /** Begins to count the work of one token. */
  refresh(): void {
    this.#work = 0;
  }

  start(): State {
    return this.#stateOf([{ node: this.#program.start, frame: undefined }]);
  }

  /** Undefined: `byte` may not come. Throws a ConstraintFault where too many ways are open. */
  step(state: State, byte: number): State | undefined {
    const known = state.next[byte];
    if (known !== undefined) return known ?? undefined;
    const reached: Place[] = [];
    for (const { node, frame } of state.places) {
      if (node.kind === 'byte' && node.accepts[byte] === 1) reached.push({ node: node.next, frame });
    }
    const next = reached.length === 0 ? null : this.#stateOf(reached);
    state.lead(byte, next);
    return next ?? undefined;
  }

  /** After a token that is no text; undefined: none may come. */
  stepTextless({ places }: State): State | undefined {
    const reached = places.flatMap(({ node, frame }) => {
      return node.kind === 'textless' ? [{ node: node.next, frame }] : [];
    });
    return reached.length === 0 ? undefined : this.#stateOf(reached);
  }

  /** All places from which a byte is read, that these lead to without one. */
  #stateOf(from: readonly Place[]): State {
    const [only] = from;
    const seed = from.length === 1 ? only : undefined;
    const known = seed === undefined ? undefined : this.#seeded.get(keyOf(seed));
    if (known !== undefined) return known;
    const places = new Map<number, Place>();
    const seen = new Set<number>();
    const open: (Place & { within?: boolean })[] = [...from].reverse();
    let accepting = false;
    let anyCharacters = 0;
    let mixed = false;
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      const { node, frame } = place;
      const isOpen = node.kind === 'split' && node.open === true;
      // What comes behind the characters of any kind is not one of them.
      const within = isOpen || (place.within === true && node.kind !== 'leave' && node.kind !== 'return');
      const key = keyOf(place);
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > MOST_PLACES * 4 || places.size > MOST_PLACES) {
        throw new ConstraintFault('it is too ambiguous: more ways are open at once than can be followed');
      }
      if (isOpen) {
        const most = frame?.node.kind === 'counted' ? frame.most : Number.POSITIVE_INFINITY;
        anyCharacters = Math.max(anyCharacters, most);
      }
      if (node.kind === 'byte' && !within && !mixed && beginsPlain(node.accepts)) mixed = true;
      if (node.kind === 'byte' || node.kind === 'textless') places.set(key, { node, frame });
      else if (node.kind === 'return' && frame === undefined) accepting = true;
      else for (const next of this.#onward(node, frame).reverse()) open.push({ ...next, within });
    }
    this.#work += seen.size;
    if (this.#work > MOST_WORK) throw new ConstraintFault('it is too ambiguous to be followed in time');
    const state = this.#intern(places, { accepting, open: anyCharacters, mixed, seed });
    if (seed !== undefined) this.#seeded.set(keyOf(seed), state);
    return state;
  }

  #onward(node: Node, frame: Frame | undefined): Place[] {
    switch (node.kind) {
      case 'split':
        return node.nexts.map((next) => ({ node: next, frame }));
      case 'call':
        // Nothing is left to do after a call that comes last: it returns to where its caller would.
        return [
          {
            node: node.body,
            frame: node.next.kind === 'return' ? frame : this.#frame(node.next, 0, 0, frame),
          },
        ];
      case 'return':
        return frame === undefined ? [] : [{ node: frame.node, frame: frame.parent }];
      case 'repeat':
        return this.#iterate(node, node.least, node.most, frame);
      case 'again':
        if (frame?.node.kind !== 'repeat') throw new Error('a repeat ended that had not begun');
        return this.#iterate(frame.node, frame.least, frame.most, frame.parent);
      case 'counted':
        return [{ node: node.body, frame: this.#frame(node, node.least, node.most, frame) }];
      case 'tick': {
        const { counted, least, most, parent } = countedText(frame);
        if (most === 0 || !counted.lengths.reaches(node.target, Math.max(0, least - 1), most - 1)) return [];
        return [{ node: node.next, frame: this.#frame(counted, Math.max(0, least - 1), most - 1, parent) }];
      }
      case 'leave': {
        const { counted, least, parent } = countedText(frame);
        return least > 0 ? [] : [{ node: counted.next, frame: parent }];
      }
      default:
        return [];
    }
  }

  #iterate(node: Node & { kind: 'repeat' }, least: number, most: number, parent: Frame | undefined): Place[] {
    const places: Place[] = [];
    if (most > 0) {
      places.push({ node: node.body, frame: this.#frame(node, Math.max(0, least - 1), most - 1, parent) });
    }
    if (least <= 0) places.push({ node: node.next, frame: parent });
    return places;
  }

  #frame(node: Node, least: number, most: number, parent: Frame | undefined): Frame {
    const key = `${node.id},${least},${most},${parent?.id ?? 0}`;
    const known = this.#frames.get(key);
    if (known !== undefined) return known;
    // Of a text that an automaton holds, which lengths it may have matters from afar.
    const horizon = node.kind === 'counted' && node.exact ? Number.POSITIVE_INFINITY : this.#horizon;
    const counts = `${Math.min(least, horizon)},${Math.min(most, horizon)}`;
    const like = `${node.id},${counts},${parent?.likeness ?? 0}`;
    const likeness = this.#likenesses.get(like) ?? this.#ids++;
    this.#likenesses.set(like, likeness);
    const frame = { id: this.#ids++, likeness, node, least, most, parent };
    this.#frames.set(key, frame);
    return frame;
  }

  #intern(places: ReadonlyMap<number, Place>, { accepting, ...found }: Found): State {
    const key = `${accepting}:${[...places.keys()].sort((a, b) => a - b).join(' ')}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= MOST_STATES) this.#forget();
    const state = new State([...places.values()], { accepting, ...found });
    this.#states.set(key, state);
    return state;
  }

  /** States in use stay what they are; frames keep their numbers, so nothing is mistaken for another. */
  #forget(): void {
    this.#states = new Map();
    this.#seeded = new Map();
    this.#frames = new Map();
    this.#likenesses = new Map();
  }
}

/** Numbers of nodes, which frames come behind; both are far below 2^26. */
const MOST_NODE_IDS = 2 ** 26;

function keyOf({ node, frame }: Place): number {
  return (frame?.id ?? 0) * MOST_NODE_IDS + node.id;
}

function countedText(frame: Frame | undefined): Frame & { counted: Node & { kind: 'counted' } } {
  if (frame?.node.kind !== 'counted') throw new Error('a counted text went on that had not begun');
  return { ...frame, counted: frame.node };
}

/** Whether a plain token may begin with one of the bytes, which are few different sets. `accepts [256]` */
function beginsPlain(accepts: Uint8Array): boolean {
  let begins = plainBeginnings.get(accepts);
  if (begins === undefined) {
    begins = accepts.some((may, byte) => {
      return may === 1 && byte >= 0x20 && byte !== 0x22 && byte !== 0x5c && (byte < 0x80 || byte >= 0xc0);
    });
    plainBeginnings.set(accepts, begins);
  }
  return begins;
}

const plainBeginnings = new WeakMap<Uint8Array, boolean>();

/** Whether a place is where any characters may come, as many as may or none. */
function isLoop(place: Place | undefined): boolean {
  if (place === undefined) return false;
  const { node, frame } = place;
  if (node.kind === 'counted')
    return node.least === 0 && node.body.kind === 'split' && node.body.open === true;
  if (node.kind !== 'split' || node.open !== true) return false;
  return frame?.node.kind !== 'counted' || frame.least === 0;
}
