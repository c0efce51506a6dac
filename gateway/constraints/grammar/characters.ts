// Sets of code points and their UTF-8 encodings. Surrogates are in no set, because UTF-8 cannot encode them.

/** Ranges of code points with both ends included, sorted and without overlaps. */
export type Ranges = readonly (readonly [low: number, high: number])[];

export const LAST_CODE_POINT = 0x10ffff;
const SURROGATES: Ranges = [[0xd800, 0xdfff]];

/** All code points except surrogates. */
export const everyCharacter: Ranges = complement([]);

/** All code points of the sets, sorted, with overlaps joined and without surrogates. */
export function union(...sets: readonly Ranges[]): Ranges {
  return complement(complement(sets.flat()));
}

/** All code points that are not in the set, without surrogates. */
export function complement(ranges: Ranges): Ranges {
  const sorted = [...ranges, ...SURROGATES].sort(([a], [b]) => a - b);
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [low, high] of sorted) {
    if (low > next) gaps.push([next, low - 1]);
    next = Math.max(next, high + 1);
  }
  if (next <= LAST_CODE_POINT) gaps.push([next, LAST_CODE_POINT]);
  return gaps;
}

export function intersect(a: Ranges, b: Ranges): Ranges {
  return complement([...complement(a), ...complement(b)]);
}

export function without(a: Ranges, b: Ranges): Ranges {
  return intersect(a, complement(b));
}

export function ofText(characters: string): Ranges {
  return union(
    Array.from(characters, (each) => [each.codePointAt(0) ?? 0, each.codePointAt(0) ?? 0] as const),
  );
}

/** The UTF-8 encodings of a set. An encoding has a range for each byte; one byte from each range makes a character of the set. */
export function encodings(ranges: Ranges): Ranges[] {
  return union(ranges).flatMap(([low, high]) => byLength(low, high));
}

/** The first code points that take one, two, three and four bytes, and the first number above all code points. */
const LENGTHS = [0, 0x80, 0x800, 0x10000, LAST_CODE_POINT + 1];

function byLength(low: number, high: number): Ranges[] {
  return LENGTHS.slice(1).flatMap((end, i) => {
    const from = Math.max(low, LENGTHS[i] ?? 0);
    const to = Math.min(high, end - 1);
    return from <= to ? aligned(from, to, i) : [];
  });
}

/**
 * The encodings of the code points `low` to `high`, all with `more` continuation bytes. Cuts the code points into pieces. If the
 * encodings of a piece's first and last code points differ in a byte, each later byte may be any continuation byte.
 */
function aligned(low: number, high: number, more: number): Ranges[] {
  for (let tail = more; tail > 0; tail--) {
    const size = 64 ** tail;
    if (Math.floor(low / size) === Math.floor(high / size)) continue;
    if (low % size !== 0) {
      const cut = low - (low % size) + size;
      return [...aligned(low, cut - 1, more), ...aligned(cut, high, more)];
    }
    if (high % size !== size - 1) {
      const cut = high - (high % size);
      return [...aligned(low, cut - 1, more), ...aligned(cut, high, more)];
    }
  }
  const first = encode(low, more);
  const last = encode(high, more);
  return [first.map((byte, i) => [byte, last[i] ?? byte] as const)];
}

/** Bits of the first byte, by the number of continuation bytes. */
const LEADS = [0, 0xc0, 0xe0, 0xf0];

function encode(point: number, more: number): number[] {
  const tail = Array.from({ length: more }, (_, i) => 0x80 | ((point >> (6 * (more - 1 - i))) & 0x3f));
  return [(LEADS[more] ?? 0) | (point >> (6 * more)), ...tail];
}
