// A state of a grammar: the places that the text so far may have reached, and the states that the next byte leads to.
import type { Node } from '../grammar/program.ts';
import type { Frame } from './frames.ts';

/** A node of the program, and the chain of frames that it returns to. */
export interface Place {
  node: Node;
  frame: Frame | undefined;
}

/** `[256]` The state that each byte leads to. null: the byte may not come; undefined: not known yet. */
type Steps = (State | null | undefined)[];
/** The steps of states from which no byte was followed yet. Most states stay so, and share this array. */
const noSteps: Steps = [];

/** Facts about a state that are found together with its places. */
export interface Found {
  /** The text may end here. */
  accepting: boolean;
  /** A JSON string has begun, and up to this many plain characters (see vocabulary.ts) may continue it. 0: none has begun. */
  open: number;
  /** Something else than this string may come next too, so `open` is not an upper limit. */
  mixed: boolean;
  /** The place that led here, if there was only one. */
  seed: Place | undefined;
}

export class State {
  readonly places: readonly Place[];
  readonly accepting: boolean;
  readonly open: number;
  readonly mixed: boolean;
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

  /** Records the state that a byte leads to. Returns true if no byte of this state was recorded before. */
  lead(byte: number, to: State | null): boolean {
    const first = this.#next === noSteps;
    if (first) this.#next = new Array<State | null | undefined>(256);
    this.#next[byte] = to;
    return first;
  }

  /**
   * Forgets the states that bytes lead to. Otherwise a state in use would keep in memory all states that were reached from it.
   */
  forget(): void {
    this.#next = noSteps;
  }

  /** Which of the tokens that are not text may come. `any`: all of them except those in `except`, and those in `ids`. */
  get textless(): { any: boolean; except: ReadonlySet<number>; ids: readonly number[] } {
    const nodes = this.places.map(({ node }) => node);
    const free = nodes.filter((node) => node.kind === 'textless');
    const except = free.flatMap((node) => node.except ?? []);
    const excluded = except.filter((id) => free.every((node) => node.except === id));
    const ids = nodes.flatMap((node) => (node.kind === 'token' ? [node.token] : []));
    return { any: free.length > 0, except: new Set(excluded), ids };
  }

  /** Whether only plain characters or the end of a JSON string may come, and the string has its minimum length. */
  get loop(): boolean {
    return this.open > 0 && !this.mixed && isLoop(this.#seed);
  }

  /** Equal for states in which the same tokens may come. */
  get likeness(): string {
    this.#likeness ??= `${this.accepting}:${this.places
      .map(({ node, frame }) => `${node.id},${frame?.likeness ?? 0}`)
      .sort()
      .join(' ')}`;
    return this.#likeness;
  }
}

/** Whether any number of arbitrary characters, including none, may come at the place. */
function isLoop(place: Place | undefined): boolean {
  if (place === undefined) return false;
  const { node, frame } = place;
  if (node.kind === 'counted')
    return node.least === 0 && node.body.kind === 'split' && node.body.open === true;
  if (node.kind !== 'split' || node.open !== true) return false;
  return frame?.node.kind !== 'counted' || frame.least === 0;
}
