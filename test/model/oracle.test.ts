// llama.cpp, an independent implementation, agrees with the reference and the devices on random checkpoints (bench/peers).
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { forward } from '../reference/forward.ts';
import { weightsOfCheckpoint } from '../reference/weights.ts';
import { drive } from '../support/drive.ts';
import { openTiny } from '../support/engines/devices.ts';
import { relativeError } from '../support/error.ts';
import {
  describe as describeCheckpoint,
  drawTensors,
  writeCheckpoint,
} from '../support/models/checkpoint.ts';
import { readGolden } from '../support/models/golden.ts';

const names = [
  'llama-cpp-qwen3moe',
  'llama-cpp-olmoe',
  'llama-cpp-qwen3moe-yarn',
  'llama-cpp-qwen3moe-linear',
];

describe.each(names)('%s', (name) => {
  test('the float64 reference gives the same logits', async () => {
    const { checkpoint, ids, positions } = await readGolden(name);
    const config = describeCheckpoint(checkpoint);
    const weights = weightsOfCheckpoint(config, drawTensors(config, checkpoint.seed));
    const { logits } = forward({ config, weights, ids });
    // Measured: below 4e-6. llama.cpp computes in float32.
    for (const { position, logits: golden } of positions) {
      expect(relativeError(golden, logits[position] ?? []), `position ${position}`).toBeLessThan(2e-5);
    }
  });

  test('the devices give the same logits at 32 bits', async () => {
    const { checkpoint, ids, positions } = await readGolden(name);
    const dir = await mkdtemp(join(tmpdir(), 'expertgrid-oracle-'));
    try {
      const { config } = await writeCheckpoint(join(dir, 'hf'), checkpoint);
      const tiny = await openTiny({ from: join(dir, 'hf'), to: join(dir, 'bundle'), bits: 32 });
      const prompt = [16, 12, 3];
      const single = new Array<number>(ids.length - 31).fill(1);
      const { logits } = await drive({ ...tiny, config, ids, steps: [...prompt, ...single] });
      await tiny.close();
      for (const { position, logits: golden } of positions) {
        expect(relativeError(logits[position] ?? [], golden), `position ${position}`).toBeLessThan(2e-3);
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
