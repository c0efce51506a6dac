// The vocabulary in the form that grammars need: the bytes of each id, and trees in which tokens with a common prefix share nodes.
// All of this is plain data, so that it can be sent between threads.

/** A tree of tokens by their bytes, without a root. Nodes are in depth-first order, and siblings in the order of their bytes. */
export interface VocabularyTree {
  /** `[nodes]` */
  byte: Uint8Array;
  /** `[nodes]` The depth of a first byte is 0. */
  depth: Uint16Array;
  /** `[nodes]` The first node after a node's descendants. */
  end: Int32Array;
  /** `[nodes + 1]` Index in `ids` of the first id that ends at the node. The node's ids end where those of the next node begin. */
  first: Int32Array;
  ids: Int32Array;
  /** `[256]` The node of a token's first byte. -1 if no token begins with it. */
  roots: Int32Array;
  /** `[nodes]` 1 if all ids of the node and of its descendants are plain; see VocabularyData. */
  plain: Uint8Array;
}

export interface VocabularyData {
  /** The bytes of all ids, one after another. An id without bytes is not text: it is special or unused. */
  bytes: Uint8Array;
  /** `[vocab]` Index in `bytes` at which the bytes of each id end. */
  ends: Int32Array;
  /** The tree of all ids. */
  tree: VocabularyTree;
  /**
   * `[LONGEST_PLAIN][ceil(vocab / 32)]` Row i is a set, as bits, of the plain ids of up to i + 1 characters. A plain id needs no
   * escape within a JSON string: it has whole characters, and none of them is a quote, a backslash or a control character.
   */
  plain: readonly Uint32Array[];
  /** The tree of the ids that are not plain. */
  rest: VocabularyTree;
  /** The tree of the ids of `rest` without their leading plain characters. These tails are few: many ids share one tail. */
  tails: VocabularyTree;
}

/** Most characters of a plain id. Longer ids are treated as not plain. */
export const LONGEST_PLAIN = 32;

const BLANKS = Array.from(' \t\r\n', (character) => character.charCodeAt(0));

/**
 * `bytesOf` returns the bytes that an id adds to an answer; special ids add none. Making the data takes almost a second for
 * 200,000 ids, so it must not run in a thread that already serves requests.
 */
export function vocabularyData(size: number, bytesOf: (id: number) => Uint8Array): VocabularyData {
  const pieces = Array.from({ length: size }, (_, id) => bytesOf(id));
  const ends = new Int32Array(size);
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const [id, piece] of pieces.entries()) {
    bytes.set(piece, end);
    end += piece.length;
    ends[id] = end;
  }
  const lengths = pieces.map(plainLength);
  const words = Math.ceil(size / 32);
  const plain = Array.from({ length: LONGEST_PLAIN }, () => new Uint32Array(words));
  for (const [id, length] of lengths.entries()) {
    for (let row = length; row > 0 && row <= LONGEST_PLAIN; row++)
      plain[row - 1]![id >> 5]! |= 1 << (id & 31);
  }
  const isPlain = (id: number) => (lengths[id] ?? 0) > 0;
  const none = new Uint8Array(0);
  const rest = pieces.map((piece, id) => (isPlain(id) ? none : piece));
  const trees = {
    tree: treeOf(pieces, isPlain),
    rest: treeOf(rest, isPlain),
    tails: treeOf(rest.map(tailOf), isPlain),
  };
  return { bytes, ends, plain, ...trees };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A control character, a quote or a backslash. */
function isSpecial(byte: number): boolean {
  return byte < 0x20 || byte === 0x22 || byte === 0x5c;
}

/** The bytes from the first one that is special or belongs to an incomplete character. If there is no such byte, all bytes. */
function tailOf(piece: Uint8Array): Uint8Array {
  let at = 0;
  while (at < piece.length) {
    const byte = piece[at] ?? 0;
    const length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (plainLength(piece.subarray(at, at + length)) === 0) break;
    at += length;
  }
  return at < piece.length ? piece.subarray(at) : piece;
}

/** Number of characters of a plain id. 0 if the id is not plain. */
function plainLength(piece: Uint8Array): number {
  if (piece.length === 0 || piece.some(isSpecial)) return 0;
  if (piece.every((byte) => byte < 0x80)) return piece.length <= LONGEST_PLAIN ? piece.length : 0;
  let text: string;
  try {
    text = decoder.decode(piece);
  } catch {
    return 0; // the bytes begin or end within a character
  }
  const length = Array.from(text).length;
  return length <= LONGEST_PLAIN ? length : 0;
}

export class Vocabulary {
  readonly size: number;
  /** Bytes of the longest id. */
  readonly longest: number;
  /** The ids that are not text. */
  readonly textless: readonly number[];
  readonly data: VocabularyData;

  constructor(data: VocabularyData) {
    const { ends, tree } = data;
    this.data = data;
    this.size = ends.length;
    this.longest = tree.depth.reduce((most, depth) => Math.max(most, depth + 1), 1);
    this.textless = [...ends.keys()].filter((id) => ends[id] === (ends[id - 1] ?? 0));
  }

  bytes(id: number): Uint8Array {
    const { bytes, ends } = this.data;
    return bytes.subarray(ends[id - 1] ?? 0, ends[id]);
  }

  /** `[ceil(vocab / 32)]` The set, as bits, of the plain ids of up to `length` characters; `length` is at least 1. */
  plain(length: number): Uint32Array {
    const { plain } = this.data;
    return plain[Math.min(length, plain.length) - 1] ?? new Uint32Array(Math.ceil(this.size / 32));
  }

  /** Whether the id is white space and nothing else. */
  isBlank(id: number): boolean {
    const bytes = this.bytes(id);
    return bytes.length > 0 && bytes.every((byte) => BLANKS.includes(byte));
  }
}

interface Key {
  id: number;
  /** One character for each byte. Comparing such strings gives the order of the bytes faster than comparing arrays does. */
  text: string;
}

/** `pieces [vocab]` are the bytes of each id. Ids without bytes are left out. */
function treeOf(pieces: readonly Uint8Array[], isPlain: (id: number) => boolean): VocabularyTree {
  const sorted = [...pieces.entries()].flatMap(([id, piece]): Key[] => {
    return piece.length > 0 ? [{ id, text: Buffer.from(piece).toString('latin1') }] : [];
  });
  sorted.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : a.id - b.id));
  const byte: number[] = [];
  const depth: number[] = [];
  const end: number[] = [];
  const first: number[] = [];
  const ids: number[] = [];
  const plain: number[] = [];
  const path: number[] = [];
  const close = (length: number) => {
    while (path.length > length) end[path.pop()!] = byte.length;
  };
  let before = '';
  for (const { id, text } of sorted) {
    let common = 0;
    while (common < before.length && common < text.length && before[common] === text[common]) common++;
    close(common);
    for (let at = common; at < text.length; at++) {
      path.push(byte.length);
      byte.push(text.charCodeAt(at));
      depth.push(at);
      first.push(ids.length);
      plain.push(1);
    }
    ids.push(id);
    if (!isPlain(id)) for (const node of path) plain[node] = 0;
    before = text;
  }
  close(0);
  first.push(ids.length);
  const roots = new Int32Array(256).fill(-1);
  for (let node = 0; node < byte.length; node = end[node]!) roots[byte[node]!] = node;
  return {
    roots,
    byte: Uint8Array.from(byte),
    depth: Uint16Array.from(depth),
    end: Int32Array.from(end),
    first: Int32Array.from(first),
    ids: Int32Array.from(ids),
    plain: Uint8Array.from(plain),
  };
}
