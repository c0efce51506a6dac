// Parses the bits of a stored weight.
import { InvalidArgumentError } from 'commander';
import { BITS, type Bits } from '../../model/tiles.ts';

export function parseBits(text: string): Bits {
  for (const bits of BITS) if (text === String(bits)) return bits;
  throw new InvalidArgumentError(`It must be ${BITS.slice(0, -1).join(', ')} or ${BITS.at(-1)}.`);
}
