// Parses and lists the precisions of bundles, in bits per weight.
import { InvalidArgumentError } from 'commander';
import { type Bits, bundleBits } from '../../model/tiles.ts';

/** Default precision of a new bundle. */
export const USUAL_BITS: Bits = 4;

/** The text `4, 6, 8, 16 or 32`. */
export const BITS_TEXT = alternatives(bundleBits);

/** Lists numbers: `8, 16 or 32`. */
export function alternatives(values: readonly number[]): string {
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

export function parseBits(text: string): Bits {
  for (const bits of bundleBits) if (text === String(bits)) return bits;
  throw new InvalidArgumentError(`It must be ${BITS_TEXT}.`);
}
