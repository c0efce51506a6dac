// Paths of the embedded model, and of the 16-bit bundle from which it was converted.
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..');

/** The embedded model of the package, at 8 bits. */
export const nano = join(root, 'models', 'nano');

/** The 16-bit bundle from which `nano` was converted. The package does not contain it. */
export const nanoSource = join(root, 'test', 'fixtures', 'nano-16');
