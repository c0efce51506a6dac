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

export async function measureCase(name: string, bits: Bits, device: DeviceName): Promise<Measurement> {
  const each = await loadCase(name);
  return await withCheckpoint(each, async (dir) => {
    const tiny = await openTiny({ from: join(dir, 'from'), to: join(dir, 'to'), bits, device });
    try {
      const ids = each.tokens;
      const single = ids.length - prompt.reduce((sum, count) => sum + count, 0);
      const steps = [...prompt, ...new Array<number>(single).fill(1)];
      const { config } = tiny.bundle;
      return await compare({ tiny, device, config, weights: await weightsOfBundle(tiny.bundle), ids, steps });
    } finally {
      await tiny.close();
    }
  });
}
