// Compares a device with the rounding reference on a case's checkpoint.
import { join } from 'node:path';
import type { Bits } from '../../model/bundle/tensors.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { weightsOfBundle } from '../reference/bundle-weights.ts';
import { openTiny } from '../support/engines/devices.ts';
import { compare, type Measurement } from '../support/measure.ts';
import { withCheckpoint } from './cases.ts';
import { loadCase } from './rebuild.ts';

/** Chunks of the prompt of at least two rows, then single positions. */
const prompt = [5, 2, 7];

/**
 * The checkpoints have values far below the largest of their row, and large scores of attention. Float32 rounds these by more
 * steps than the values of test/model/devices/numerics.test.ts. Measured: 2.8e-4 steps of int8 and 2.6e-3 of float16.
 */
const reaches = [1, 5];

export async function measureCase(name: string, bits: Bits, device: DeviceName): Promise<Measurement> {
  const each = await loadCase(name);
  return await withCheckpoint(each, async (dir) => {
    const tiny = await openTiny({ from: join(dir, 'from'), to: join(dir, 'to'), bits, device });
    try {
      const ids = each.tokens;
      const single = ids.length - prompt.reduce((sum, count) => sum + count, 0);
      const steps = [...prompt, ...new Array<number>(single).fill(1)];
      const { config } = tiny.bundle;
      const weights = await weightsOfBundle(tiny.bundle);
      return await compare({ tiny, device, config, weights, ids, steps, reaches });
    } finally {
      await tiny.close();
    }
  });
}
