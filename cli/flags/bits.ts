// Bits of a stored weight, as flags give them. Knows no bundle.
import { InvalidArgumentError } from 'commander';
import type { Bits } from '../../model/bundle/tensors.ts';

export function parseBits(text: string): Bits {
  for (const bits of [4, 8, 16, 32] as const) if (text === String(bits)) return bits;
  throw new InvalidArgumentError('It must be 4, 8, 16 or 32.');
}
