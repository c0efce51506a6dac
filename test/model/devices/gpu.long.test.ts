// The WebGPU device on a software Vulkan device: its agreement with the reference, the bits of rows alone and in batches, and
// the replacement of units during runs. This file tests neither a real GPU nor CUDA (docs/devices.md).
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { openExpertDevice } from '../../../model/devices/open.ts';
import { checkpointDraw } from '../../support/draws.ts';
import { useSoftwareGpu } from '../../support/engines/software-gpu.ts';
import { floats } from '../../support/floats.ts';
import { bound, type Measurement, measure, routingMargin, summary } from '../../support/measure.ts';
import { type CheckpointOptions, describe as shapeOf } from '../../support/models/checkpoint.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

beforeAll(useSoftwareGpu);

/** If a product sums over a multiple of 128, ONNX Runtime rounds activations to int8 on GPUs that can multiply int8. */
function roundsNothing(options: CheckpointOptions): boolean {
  const { hidden, heads, headDim, inner } = shapeOf(options);
  const padded = (width: number) => Math.ceil(width / 32) * 32;
  return [hidden, heads * headDim, padded(hidden), padded(inner)].every((width) => width % 128 !== 0);
}

const draws = 9;

describe.each([8, 6, 4] as const)('%i bits', (bits) => {
  it('every position agrees with the float reference to 1e-4 if activations are not rounded', async () => {
    const all: Measurement[] = [];
    for (let index = 0; index < draws; index++) {
      const draw = checkpointDraw(index).filter(roundsNothing);
      const [options] = fc.sample(draw, { seed: 2000 * bits + index, numRuns: 1 });
      if (!options) throw new Error('fast-check drew nothing');
      const measured = await measure(options, bits, 'webgpu');
      expect(measured.worst, JSON.stringify(options)).toBeLessThanOrEqual(bound);
      expect(measured.regret, JSON.stringify(options)).toBeLessThanOrEqual(routingMargin(32));
      all.push(measured);
    }
    console.log(summary(`${bits} bits on webgpu`, all));
  });

  it('wide products differ by no more than rounding activations to int8 can explain', async () => {
    const wide = { hidden: 256, heads: 4, kvHeads: 2, headDim: 64, inner: 128, layers: 2 };
    const distances: number[] = [];
    for (const seed of [1, 2, 3]) {
      const { floatDistance } = await measure({ ...wide, seed }, bits, 'webgpu');
      distances.push(floatDistance);
    }
    console.log(`${bits} bits on webgpu, 256 wide: to the float reference ${distances.join(', ')}`);
    expect(Math.max(...distances)).toBeLessThan(0.1); // measured: 0.031
  });
});

describe('experts', () => {
  const hidden = 96;
  const rows = 21;
  const x = floats(3, rows * hidden, 1);
  const asks = Uint16Array.from({ length: 2 * rows }, (_, i) => (i % 2 === 0 ? i / 2 : (i * 5) % 8));

  it('a row gives the same bits alone and in any batch', async () => {
    const bundle = await openBundle(await tinyBundle({ layers: 1, experts: 8, hidden, heads: 6 }));
    const device = await openExpertDevice({ bundle, device: 'webgpu' });
    await device.load(Array.from({ length: 8 }, (_, expert) => ({ layer: 0, expert })));
    const together = await device.run(0, x, asks);
    expect(together.length).toBe(rows * hidden);
    for (let row = 0; row < rows; row++) {
      const alone = await device.run(
        0,
        x.slice(row * hidden, (row + 1) * hidden),
        Uint16Array.of(0, asks[2 * row + 1]!),
      );
      expect(alone, `row ${row}`).toEqual(together.slice(row * hidden, (row + 1) * hidden));
    }
    await device.dispose();
    await bundle.close();
  });

  it('units are unloaded and loaded while rows run, and no answer changes', async () => {
    const bundle = await openBundle(await tinyBundle({ layers: 1, experts: 8, hidden, heads: 6 }));
    const device = await openExpertDevice({ bundle, device: 'webgpu' });
    const units = Array.from({ length: 8 }, (_, expert) => ({ layer: 0, expert }));
    await device.load(units);
    const want = await device.run(0, x, asks);
    for (let round = 0; round < 5; round++) {
      const running = device.run(0, x, asks);
      const replacing = device.unload(units.slice(0, 6)).then(() => device.load(units));
      expect(await running).toEqual(want);
      await replacing;
      expect(await device.run(0, x, asks)).toEqual(want);
    }
    await device.unload([units[5]!]);
    await expect(async () => device.run(0, x, asks)).rejects.toThrow('expert 5 of layer 0 is not loaded');
    expect(await device.run(0, x.slice(0, hidden), Uint16Array.of(0, 2))).toHaveLength(hidden);
    await device.dispose();
    await bundle.close();
  });

  it('the numerics class names runtime, device, precision and a hash of the bits that the GPU computes', async () => {
    const bundle = await openBundle(await tinyBundle({ layers: 1, experts: 8, hidden, heads: 6 }));
    const device = await openExpertDevice({ bundle, device: 'webgpu' });
    expect(device.numericsClass).toMatch(/^ort-[\d.]+\/webgpu\/b4g32\/[0-9a-f]{8}$/);
    await device.dispose();
    await bundle.close();
  });
});
