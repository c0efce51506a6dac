// Paths of the embedded model and of the 16-bit bundle with the floats that it was converted from.
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..');

/** At 8 bits, as it is shipped. */
export const nano = join(root, 'models', 'nano');

/** At 16 bits; no part of the package. */
export const nanoSource = join(root, 'test', 'fixtures', 'nano-16');
