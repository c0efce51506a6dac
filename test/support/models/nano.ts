// Paths of the embedded model and of the 16-bit bundle with the floats that it was converted from.
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..');

/** The embedded model of the package, at 8 bits. */
export const nano = join(root, 'models', 'nano');

/** Its source at 16 bits, which is no part of the package. */
export const nanoSource = join(root, 'test', 'fixtures', 'nano-16');
