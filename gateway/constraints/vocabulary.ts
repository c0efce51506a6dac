// What a grammar must know of a tokenizer: the bytes of each id, as plain data that crosses threads, and as a tree in which
// tokens that begin alike are tried at once. Knows no grammar.

/** The bytes of all ids, one after another; an id without bytes is no text (special, or unused). */
export interface VocabularyData {
  bytes: Uint8Array;
  /** `[vocab]`, where each id's bytes end. */
  ends: Int32Array;
}

const BLANKS = Array.from(' \t\r\n', (character) => character.charCodeAt(0));

/** Of the answer that each id adds; special ids add none. */
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
  return { bytes, ends };
}

export class Vocabulary {
  readonly size: number;
  readonly longest: number;
  /** Ids that are no text. */
  readonly textless: readonly number[];
  /** The tree's nodes in the order of their bytes, each before what follows it; the root is not among them. */
  readonly tree: {
    /** `[nodes]` */
    byte: Uint8Array;
    /** `[nodes]` from 0. */
    depth: Uint16Array;
    /** `[nodes]` The first node that does not lie below. */
    end: Int32Array;
    /** `[nodes]` Where in `ids` those begin whose token ends here; they end where the next node's begin. */
    first: Int32Array;
    ids: Int32Array;
  };
  readonly #data: VocabularyData;

  constructor(data: VocabularyData) {
    this.#data = data;
    this.size = data.ends.length;
    const ids = Array.from({ length: this.size }, (_, id) => id);
    this.textless = ids.filter((id) => this.bytes(id).length === 0);
    const texts = ids.filter((id) => this.bytes(id).length > 0);
    this.longest = texts.reduce((most, id) => Math.max(most, this.bytes(id).length), 1);
    this.tree = treeOf(texts.map((id) => ({ id, bytes: this.bytes(id) })));
  }

  bytes(id: number): Uint8Array {
    const { bytes, ends } = this.#data;
    return bytes.subarray(id === 0 ? 0 : ends[id - 1], ends[id]);
  }

  /** White space and nothing else. */
  isBlank(id: number): boolean {
    const bytes = this.bytes(id);
    return bytes.length > 0 && bytes.every((byte) => BLANKS.includes(byte));
  }
}

function treeOf(tokens: { id: number; bytes: Uint8Array }[]): Vocabulary['tree'] {
  tokens.sort((a, b) => Buffer.compare(a.bytes, b.bytes) || a.id - b.id);
  const byte: number[] = [];
  const depth: number[] = [];
  const end: number[] = [];
  const first: number[] = [];
  const ids: number[] = [];
  const path: number[] = [];
  const close = (length: number) => {
    for (const node of path.splice(length)) end[node] = byte.length;
  };
  let before: Uint8Array = new Uint8Array(0);
  for (const { id, bytes } of tokens) {
    let common = 0;
    while (common < before.length && common < bytes.length && before[common] === bytes[common]) common++;
    close(common);
    for (let at = common; at < bytes.length; at++) {
      path.push(byte.length);
      byte.push(bytes[at] ?? 0);
      depth.push(at);
      first.push(ids.length);
    }
    ids.push(id);
    before = bytes;
  }
  close(0);
  first.push(ids.length);
  return {
    byte: Uint8Array.from(byte),
    depth: Uint16Array.from(depth),
    end: Int32Array.from(end),
    first: Int32Array.from(first),
    ids: Int32Array.from(ids),
  };
}
