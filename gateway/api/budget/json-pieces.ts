// Writes a value as JSON text in pieces, each of which takes little time to make. A LazyList makes its entries only when they are
// written.
import type { Steps } from './slices.ts';

/** A list whose entries are made a few at a time when they are written. `JSON.stringify` makes all of them at once. */
export class LazyList<Entry> {
  readonly length: number;
  readonly #slice: (from: number, to: number) => readonly Entry[];

  /** `slice` makes the entries from `from` up to, but not including, `to`. */
  constructor(length: number, slice: (from: number, to: number) => readonly Entry[]) {
    this.length = length;
    this.#slice = slice;
  }

  slice(from: number, to: number): readonly Entry[] {
    return this.#slice(from, to);
  }

  toJSON(): readonly Entry[] {
    return this.slice(0, this.length);
  }
}

/** An array, or a LazyList. */
interface Sliced<Item> {
  readonly length: number;
  slice(from: number, to: number): readonly Item[];
}

/** A list with one entry for each item. `make` is called when the entry is written. */
export function lazyMap<Item, Entry>(
  items: Sliced<Item>,
  make: (item: Item, at: number) => Entry,
): LazyList<Entry> {
  return new LazyList(items.length, (from, to) =>
    items.slice(from, to).map((item, i) => make(item, from + i)),
  );
}

/** A container (array or object) with at most this many values is written as one piece. */
const FEW = 64;
/** Containers nested this deep are written as one piece. The long lists in answers are nested less deeply. */
const WALKED_DEPTH = 4;
/** Number of entries in one piece of a list of numbers or texts. */
const FLAT_ENTRIES = 512;
/** Number of entries in one piece of a list of containers. */
const ENTRIES = 16;

/**
 * The text of `JSON.stringify(value)` in pieces. `value` may contain JSON, LazyLists, and undefined fields, which are left out.
 * Containers deeper than `WALKED_DEPTH` must be small.
 */
export function* jsonPieces(value: unknown, depth = 0): Generator<string, void, void> {
  if (!isContainer(value) || isFew(value)) yield JSON.stringify(value) ?? 'null';
  else if (Array.isArray(value) || value instanceof LazyList) yield* listPieces(value, depth);
  else if (depth >= WALKED_DEPTH) yield JSON.stringify(value);
  else {
    let before = '{';
    for (const [key, field] of Object.entries(value)) {
      if (field === undefined) continue;
      yield `${before}${JSON.stringify(key)}:`;
      yield* jsonPieces(field, depth + 1);
      before = ',';
    }
    yield before === '{' ? '{}' : '}';
  }
}

function* listPieces(
  list: readonly unknown[] | LazyList<unknown>,
  depth: number,
): Generator<string, void, void> {
  if (list.length === 0) {
    yield '[]';
    return;
  }
  // Also looks at the last entry, because the first log-probability of a prompt is null.
  const flat = ![0, list.length - 1].some((at) => isContainer(list.slice(at, at + 1)[0]));
  const walked = !flat && depth < WALKED_DEPTH - 1;
  const entries = walked ? 1 : flat ? FLAT_ENTRIES : ENTRIES;
  yield '[';
  for (let from = 0; from < list.length; from += entries) {
    if (from > 0) yield ',';
    const some = list.slice(from, from + entries);
    if (walked) yield* jsonPieces(some[0], depth + 1);
    else yield JSON.stringify(some).slice(1, -1);
  }
  yield ']';
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Whether `value` contains at most `FEW` values at all depths together. Stops counting beyond that. */
export function isFew(value: object): boolean {
  const open: object[] = [value];
  let count = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next) || next instanceof LazyList) count += next.length;
    if (count > FEW) return false;
    if (next instanceof LazyList) continue;
    for (const key in next) {
      if (++count > FEW) return false;
      const field = (next as Record<string, unknown>)[key];
      if (isContainer(field)) open.push(field);
    }
  }
  return true;
}

/** Returns the whole JSON text. Each piece is made in a step of its own. */
export function* jsonText(value: unknown): Steps<string> {
  if (!isContainer(value) || isFew(value)) return JSON.stringify(value);
  let text = '';
  for (const piece of jsonPieces(value)) {
    text += piece;
    yield;
  }
  return text;
}
