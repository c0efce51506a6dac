// A state of a grammar: the places that the text so far may have reached, and which bytes lead on from there.
import type { Node } from '../grammar/program.ts';
import type { Frame } from './frames.ts';

/** A node of the program, and the frames that it returns to. */
export interface Place {
  node: Node;
  frame: Frame | undefined;
}

/** `[256]`; null: the byte may not come, undefined: not known yet. */
type Steps = (State | null | undefined)[];
/** Of states that no byte was followed from: most are only looked at. */
const noSteps: Steps = [];

/** What is found of a state beside its places. */
export interface Found {
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

  /** True: it is the first one that is remembered. */
  lead(byte: number, to: State | null): boolean {
    const first = this.#next === noSteps;
    if (first) this.#next = new Array<State | null | undefined>(256);
    this.#next[byte] = to;
    return first;
  }

  /** Forgets what it leads to: else a state in use would keep all that were ever reached from it. */
  forget(): void {
    this.#next = noSteps;
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

/** Whether a place is where any characters may come, as many as may or none. */
function isLoop(place: Place | undefined): boolean {
  if (place === undefined) return false;
  const { node, frame } = place;
  if (node.kind === 'counted')
    return node.least === 0 && node.body.kind === 'split' && node.body.open === true;
  if (node.kind !== 'split' || node.open !== true) return false;
  return frame?.node.kind !== 'counted' || frame.least === 0;
}
