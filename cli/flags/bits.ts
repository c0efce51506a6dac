// Parses the bits of a stored weight.
import { InvalidArgumentError } from 'commander';
import { type Bits, bundleBits } from '../../model/tiles.ts';

export function parseBits(text: string): Bits {
  for (const bits of bundleBits) if (text === String(bits)) return bits;
  throw new InvalidArgumentError(`It must be ${bundleBits.slice(0, -1).join(', ')} or ${bundleBits.at(-1)}.`);
}
