// Derives the merges of byte-pair encoding from the ranks of its tokens, which is all that a tiktoken file holds.
import { PairTable } from './pair-table.ts';

/** The ranks of two tokens that merge, in the order in which they stand in a text. */
export type Merge = readonly [left: number, right: number];

/**
 * The merge of each token that has one, in the order of the ranks. `tokens` are in that order too. Each character is one byte, and
 * each of the 256 bytes is a token.
 *
 * The two parts of a token are the last two that byte-pair encoding of the token alone leaves before it merges them. No other pair
 * can ever merge to this token: as long as an encoder has merged nothing across the ends of the token, it takes the same steps inside
 * it as on the token alone. So an encoder with one merge a token gives the ids that tiktoken gives, which merges any two parts whose
 * union is a token. If more than two parts remain of a token, it has no merge. tiktoken gives its id only to a whole piece of a text,
 * as other encoders do if they are told to ignore merges for such pieces.
 */
export function mergesOf(tokens: readonly string[]): Merge[] {
  const byteRanks = new Int32Array(256);
  for (const [rank, token] of tokens.entries()) if (token.length === 1) byteRanks[token.charCodeAt(0)] = rank;
  const longest = tokens.reduce((most, token) => Math.max(most, token.length), 0);
  const parts = new Int32Array(longest);
  const ranks = new Int32Array(longest);
  const known = new PairTable(tokens.length);
  const slow = lazily(() => new Map(tokens.map((token, rank) => [token, rank])));
  const merges: Merge[] = [];
  for (const [rank, token] of tokens.entries()) {
    if (token.length < 2) continue;
    for (let i = 0; i < token.length; i++) parts[i] = byteRanks[token.charCodeAt(i)]!;
    // In a trained vocabulary, a token's parts have lower ranks than the token. In any other, the merges known by now may not suffice.
    const isMerged = mergeToTwo({ parts, ranks, length: token.length, known, above: rank });
    const merge = isMerged ? ([parts[0]!, parts[1]!] as const) : lastTwo(token, slow());
    if (merge === undefined) continue;
    known.set(...merge, rank);
    merges.push(merge);
  }
  return merges;
}

interface Merging {
  /** The ranks of the parts. They are merged in place. */
  parts: Int32Array;
  /** Room for as many numbers. */
  ranks: Int32Array;
  /** The number of parts. */
  length: number;
  /** The rank of each merge. */
  known: PairTable;
  /** A rank above those of all known merges. */
  above: number;
}

/** Merges the pair of lowest rank, the leftmost of equals, until two parts remain. Returns whether the known merges suffice for that. */
function mergeToTwo({ parts, ranks, length: given, known, above }: Merging): boolean {
  let length = given;
  const rankAt = (i: number) => {
    const rank = i + 1 < length ? known.get(parts[i]!, parts[i + 1]!) : -1;
    return rank === -1 ? above : rank;
  };
  for (let i = 0; i < length; i++) ranks[i] = rankAt(i);
  while (length > 2) {
    let best = 0;
    for (let i = 1; i < length; i++) if (ranks[i]! < ranks[best]!) best = i;
    const merged = ranks[best]!;
    if (merged === above) return false;
    parts[best] = merged;
    length--;
    for (let i = best + 1; i < length; i++) {
      parts[i] = parts[i + 1]!;
      ranks[i] = ranks[i + 1]!;
    }
    ranks[best] = rankAt(best);
    if (best > 0) ranks[best - 1] = rankAt(best - 1);
  }
  return true;
}

/** The same with all ranks, also higher ones. Undefined if more than two parts remain. */
function lastTwo(token: string, rankOf: ReadonlyMap<string, number>): Merge | undefined {
  const parts = [...token];
  const rankAt = (i: number) => rankOf.get(`${parts[i]}${parts[i + 1]}`) ?? Number.POSITIVE_INFINITY;
  while (parts.length > 2) {
    const ranks = parts.slice(1).map((_, i) => rankAt(i));
    const lowest = ranks.reduce((least, rank) => Math.min(least, rank));
    if (lowest === Number.POSITIVE_INFINITY) return undefined;
    const best = ranks.indexOf(lowest);
    parts.splice(best, 2, `${parts[best]}${parts[best + 1]}`);
  }
  const [left, right] = parts.map((part) => rankOf.get(part));
  return left === undefined || right === undefined ? undefined : [left, right];
}

function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
