// The states of a grammar, which are made when a text reaches them, and the bytes that lead from one to another. Knows no tokens.
//
// A state (state.ts) is the set of places that the text so far may have reached. A place is left out if another place
// allows everything that it allows (frames.ts). Equal states are one object, so the transitions and the mask of a state are found
// only once. Equal frames are one object too.

import { ConstraintFault } from '../fault.ts';
import type { Grammar } from '../grammar/expression.ts';
import { type Node, Program } from '../grammar/program.ts';
import { weaklyKept } from '../kept.ts';
import { covers, type Frame, Frames } from './frames.ts';
import { type Found, type Place, State } from './state.ts';

/** Most places of one state. A grammar that is in more places at once is too ambiguous to follow. */
const MOST_PLACES = 2048;
/** Most places that are visited to find the places of one state. */
const MOST_REACHED = 4 * MOST_PLACES;
/** Most bytes of states and frames. If they take more, all states and frames are forgotten. */
const MOST_STATE_BYTES = 12 * 2 ** 20;
const BYTES_PER_STATE = 500;
const BYTES_PER_PLACE = 90;
const BYTES_OF_STEPS = 2100;
const BYTES_PER_NODE = 150;

/** A place that was reached while the places of a state are found. Places of one node and one `form` (frames.ts) are a list. */
interface Reached extends Place {
  beside: Reached | undefined;
}

export class Automaton {
  readonly #program: Program;
  readonly #frames: Frames;
  #states = new Map<string, State>();
  /** States by the key of the place that led to them, if it was only one place. */
  #seeded = new Map<number, State>();
  #bytes = 0;
  #work = 0;

  /** `longestToken`: bytes of the longest token (see Frames). Throws a ConstraintFault if the grammar is too large. */
  constructor(grammar: Grammar, { longestToken }: { longestToken: number }) {
    this.#frames = new Frames(longestToken + 1);
    this.#program = new Program(grammar);
  }

  /** Bytes in memory, roughly. */
  get size(): number {
    return this.#program.nodes * BYTES_PER_NODE + this.#bytes + this.#frames.size;
  }

  /** Number of places visited so far, as a measure of work. */
  get work(): number {
    return this.#work;
  }

  start(): State {
    return this.#stateOf([{ node: this.#program.start, frame: undefined }]);
  }

  /**
   * The state after the byte. Undefined if `byte` may not come. Throws a ConstraintFault if that state would have too many places.
   */
  step(state: State, byte: number): State | undefined {
    const known = state.next[byte];
    if (known !== undefined) return known ?? undefined;
    const reached: Place[] = [];
    for (const { node, frame } of state.places) {
      if (node.kind === 'byte' && node.accepts[byte] === 1) reached.push({ node: node.next, frame });
    }
    this.#work += state.places.length >> 2;
    const next = reached.length === 0 ? null : this.#stateOf(reached);
    if (state.lead(byte, next)) this.#bytes += BYTES_OF_STEPS;
    return next ?? undefined;
  }

  /** The state after a token that is not text. Undefined if this token may not come. */
  stepTextless({ places }: State, id: number): State | undefined {
    const reached = places.flatMap(({ node, frame }) => {
      const takes =
        (node.kind === 'textless' && node.except !== id) || (node.kind === 'token' && node.token === id);
      return takes ? [{ node: node.next, frame }] : [];
    });
    return reached.length === 0 ? undefined : this.#stateOf(reached);
  }

  /** Forgets all states and frames. Those that a sequence still uses stay valid. */
  forget(): void {
    for (const state of this.#states.values()) state.forget();
    this.#states = new Map();
    this.#seeded = new Map();
    this.#frames.forget();
    this.#bytes = 0;
  }

  /** The state of the places that `from` leads to without reading a byte, and at which a byte or a special token comes next. */
  #stateOf(from: readonly Place[]): State {
    const [only] = from;
    const seed = from.length === 1 ? only : undefined;
    const known = seed === undefined ? undefined : this.#seeded.get(keyOf(seed));
    if (known !== undefined) return known;
    const reached = new Map<number, Reached>();
    const open: (Place & { within?: boolean })[] = [...from].reverse();
    let looks = 0;
    let accepting = false;
    let anyCharacters = 0;
    let mixed = false;
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { node } = next;
      const place = this.#added(next, reached);
      if (place === undefined) continue;
      const { frame } = place;
      if (++looks > MOST_REACHED) throw tooAmbiguous();
      const isOpen = node.kind === 'split' && node.open === true;
      // `within`: the place belongs to the arbitrary characters of a string, and not to what follows the string.
      const within = isOpen || (next.within === true && node.kind !== 'leave' && node.kind !== 'return');
      if (isOpen) {
        const most = frame?.node.kind === 'counted' ? frame.most : Number.POSITIVE_INFINITY;
        anyCharacters = Math.max(anyCharacters, most);
      }
      if (node.kind === 'byte' && !within && !mixed && beginsPlain(node.accepts)) mixed = true;
      if (node.kind === 'return' && frame === undefined) accepting = true;
      else for (const onward of this.#onward(node, frame).reverse()) open.push({ ...onward, within });
    }
    this.#work += looks;
    const places = placesOf(reached);
    if (places.length > MOST_PLACES) throw tooAmbiguous();
    const state = this.#intern(places, { accepting, open: anyCharacters, mixed, seed });
    if (seed !== undefined) this.#seeded.set(keyOf(seed), state);
    return state;
  }

  /**
   * Adds a place to `reached`, perhaps joined with other places into one. A place covers another place if it allows everything
   * that the other allows. Removes the places that the added place covers, and returns the added place. Returns undefined if a
   * place in `reached` covers the new place.
   */
  #added({ node, frame }: Place, reached: Map<number, Reached>): Reached | undefined {
    const form = (frame?.form ?? 0) * MOST_NODE_IDS + node.id;
    const first = reached.get(form);
    let added = frame;
    let beside: Reached[] = [];
    if (first !== undefined) {
      if (first.frame === frame || added === undefined) return undefined;
      for (let each: Reached | undefined = first; each !== undefined; each = each.beside) beside.push(each);
      for (let joins = true; joins; ) {
        const mine: Frame = added;
        this.#work += beside.length;
        if (beside.some((each) => each.frame !== undefined && covers(each.frame, mine))) return undefined;
        beside = beside.filter((each) => each.frame !== undefined && !covers(mine, each.frame));
        joins = false;
        for (const each of beside) {
          const joined = each.frame && this.#frames.joined(each.frame, mine);
          if (joined === undefined) continue;
          added = joined;
          beside = beside.filter((other) => other !== each);
          joins = true;
          break;
        }
      }
    }
    let place: Reached | undefined;
    for (const each of beside) place = { node, frame: each.frame, beside: place };
    place = { node, frame: added, beside: place };
    reached.set(form, place);
    return place;
  }

  #onward(node: Node, frame: Frame | undefined): Place[] {
    switch (node.kind) {
      case 'split':
        return node.nexts.map((next) => ({ node: next, frame }));
      case 'call':
        // A call in last position (a tail call) returns directly to the place that its caller would return to.
        if (node.next.kind === 'return') return [{ node: node.body, frame }];
        return [{ node: node.body, frame: this.#frames.frame(node.next, 0, 0, frame) }];
      case 'return':
        return frame === undefined ? [] : [{ node: frame.node, frame: frame.parent }];
      case 'repeat':
        return this.#iterate(node, node.least, node.most, frame);
      case 'again':
        if (frame?.node.kind !== 'repeat') throw new Error('a repetition ended without having begun');
        return this.#iterate(frame.node, frame.least, frame.most, frame.parent);
      case 'counted':
        return [{ node: node.body, frame: this.#frames.frame(node, node.least, node.most, frame) }];
      case 'tick': {
        const { counted, least, most, parent } = countedText(frame);
        const fewer = Math.max(0, least - 1);
        if (most === 0 || !counted.lengths.reaches(node.target, fewer, most - 1)) return [];
        return [{ node: node.next, frame: this.#frames.frame(counted, fewer, most - 1, parent) }];
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
      const frame = this.#frames.frame(node, Math.max(0, least - 1), most - 1, parent);
      places.push({ node: node.body, frame });
    }
    if (least <= 0) places.push({ node: node.next, frame: parent });
    return places;
  }

  #intern(places: readonly Place[], found: Found): State {
    const keys = places.map(keyOf);
    const key = `${found.accepting}:${keys.sort((a, b) => a - b).join(' ')}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#bytes + this.#frames.size > MOST_STATE_BYTES) this.forget();
    const state = new State(places, found);
    this.#states.set(key, state);
    this.#bytes += BYTES_PER_STATE + BYTES_PER_PLACE * places.length;
    return state;
  }
}

/** The kinds of nodes at which a byte or a token comes next. */
const kindsOfPlaces: ReadonlySet<Node['kind']> = new Set(['byte', 'textless', 'token'] as const);

function placesOf(reached: ReadonlyMap<number, Reached>): Place[] {
  const places: Place[] = [];
  for (const first of reached.values()) {
    if (!kindsOfPlaces.has(first.node.kind)) continue;
    for (let each: Reached | undefined = first; each !== undefined; each = each.beside) {
      places.push({ node: each.node, frame: each.frame });
    }
  }
  return places;
}

function tooAmbiguous(): ConstraintFault {
  return new ConstraintFault(
    `it is too ambiguous: more than ${MOST_PLACES} ways to read the text are open at once. Write it so that a text can be read in fewer ways`,
  );
}

/** Factor that combines the ids of a node and of a frame into one number. Both ids are far below 2^26. */
const MOST_NODE_IDS = 2 ** 26;

function keyOf({ node, frame }: Place): number {
  return (frame?.id ?? 0) * MOST_NODE_IDS + node.id;
}

function countedText(frame: Frame | undefined): Frame & { counted: Node & { kind: 'counted' } } {
  if (frame?.node.kind !== 'counted') throw new Error('a counted text went on without having begun');
  return { ...frame, counted: frame.node };
}

/** Whether a plain token (vocabulary.ts) may begin with a byte that `accepts [256]` marks. Kept, because there are few arrays. */
const beginsPlain = weaklyKept((accepts: Uint8Array): boolean => {
  return accepts.some((may, byte) => {
    return may === 1 && byte >= 0x20 && byte !== 0x22 && byte !== 0x5c && (byte < 0x80 || byte >= 0xc0);
  });
});
