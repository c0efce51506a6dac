// The table of precisions: the numbers of bits that a bundle may have, and the tiles of each.
import type { TilePrecision } from './precision.ts';
import { q4 } from './q4.ts';
import { q6 } from './q6.ts';
import { q8 } from './q8.ts';

/** Bits of a weight in a bundle; 16 and 32 are plain floats. */
export const bundleBits = [4, 6, 8, 16, 32] as const;
export type Bits = (typeof bundleBits)[number];

const precisions = { q4, q6, q8 } as const satisfies Readonly<Record<string, TilePrecision>>;

export type TileEncoding = keyof typeof precisions;
export type FloatEncoding = 'f32' | 'f16' | 'bf16';

/** Stored form of a matrix: row-major floats, or tiles of 16 rows x 32 inputs with float16 scales. */
export type Encoding = FloatEncoding | TileEncoding;

export function isTiled(encoding: Encoding): encoding is TileEncoding {
  return Object.hasOwn(precisions, encoding);
}

/** Throws if weights of this encoding do not lie in tiles. */
export function precisionOf(encoding: Encoding): TilePrecision {
  if (!isTiled(encoding)) throw new RangeError(`weights of encoding ${encoding} do not lie in tiles`);
  return precisions[encoding];
}

/** The tiled encoding of a bundle with `bits`; undefined if its weights are floats. */
export function tilesAt(bits: Bits): TileEncoding | undefined {
  if (bits >= 16) return undefined;
  const found = (Object.keys(precisions) as TileEncoding[]).find((each) => precisions[each].bits === bits);
  if (found === undefined) throw new RangeError(`there are no tiles of ${bits} bits`);
  return found;
}

const tiledBits = Object.values(precisions).map(({ bits }) => bits);
/** The bits that have tiles, for messages: `4, 6 and 8`. */
export const TILED_BITS = `${tiledBits.slice(0, -1).join(', ')} and ${tiledBits.at(-1)}`;
