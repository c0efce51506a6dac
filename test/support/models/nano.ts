// The embedded model: its folder, the floats that it stands for, and bundles of these floats at other precisions.
import { join } from 'node:path';
import { openBundle } from '../../../model/bundle/bundle.ts';
import type { Bits } from '../../../model/bundle/tensors.ts';
import type { ModelConfig } from '../../../model/config/model-config.ts';
import { convert } from '../../../model/convert/convert.ts';
import { exportCheckpoint } from '../../../scripts/export-checkpoint.ts';
import { afterFile } from '../after-file.ts';
import { tinyFolder } from './tiny-bundle.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** The embedded model of the package, at 8 bits. */
export const nano = join(root, 'models', 'nano');

/** The shape of nano, so that no test names its numbers. */
export async function nanoConfig(): Promise<ModelConfig> {
  const bundle = await openBundle(nano);
  await bundle.close();
  return bundle.config;
}

const made = new Map<Bits | 'checkpoint', Promise<string>>();

/** A Hugging Face checkpoint with the floats that nano stands for. It is made once for each test file. */
export function nanoCheckpoint(): Promise<string> {
  return once('checkpoint', (to) => exportCheckpoint(nano, to));
}

/** nano at a precision. `convert` makes it from `nanoCheckpoint`, once for each test file, unless it is nano itself. */
export function nanoAt(bits: Bits): Promise<string> {
  if (bits === 8) return Promise.resolve(nano);
  return once(bits, async (to) => {
    await convert({ from: await nanoCheckpoint(), to, bits });
  });
}

function once(key: Bits | 'checkpoint', make: (to: string) => Promise<void>): Promise<string> {
  let dir = made.get(key);
  if (dir === undefined) {
    if (made.size === 0) afterFile(async () => made.clear());
    dir = tinyFolder().then(async (folder) => {
      const to = join(folder, `nano-${key}`);
      await make(to);
      return to;
    });
    made.set(key, dir);
  }
  return dir;
}
