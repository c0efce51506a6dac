import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { plainPicker } from '../../gateway/engine/sampling/sampler.ts';
import { draw as floats, kernels, paths } from './support.ts';

afterEach(() => {
  kernels.setPath(paths[0]!);
  kernels.setThreads(1);
});

interface Settings {
  temperature: number;
  topP: number;
  topK: number;
  minP: number;
}

const settings: fc.Arbitrary<Settings> = fc.record({
  temperature: fc.constantFrom(0.3, 0.8, 1, 2),
  topP: fc.constantFrom(1, 0.95, 0.5, 0.01),
  topK: fc.constantFrom(0, 1, 3, 40, 1000),
  minP: fc.constantFrom(0, 0.05, 0.5),
});

function native(logits: Float32Array, { temperature, topP, topK, minP }: Settings, u: number): number {
  return kernels.draw(logits, logits.length, temperature, topP, topK, minP, u);
}

/** Draws on every path and with several numbers of threads, and checks that the id is always the same. */
function everywhere(logits: Float32Array, chosen: Settings, u: number): number {
  const ids = new Set<number>();
  for (const path of paths) {
    kernels.setPath(path);
    for (const threads of [1, 2]) {
      kernels.setThreads(threads);
      ids.add(native(logits, chosen, u));
    }
  }
  expect(ids.size).toBe(1);
  return [...ids][0]!;
}

/**
 * The kernel's weights are float32 and the sampler's float64, so the two may draw different ids if `u` is at the edge of an id's
 * range, or if the sum of the weights is at the limit top_p.
 */
function agrees(logits: Float32Array, chosen: Settings, u: number, id: number): boolean {
  const around = [u, Math.max(0, u - 1e-5), Math.min(u + 1e-5, 1 - 2 ** -53)];
  const cuts = [chosen.topP, chosen.topP * (1 - 1e-5), Math.min(1, chosen.topP * (1 + 1e-5))];
  return around.some((each) =>
    cuts.some((topP) => plainPicker.draw(logits.slice(), { ...chosen, topP }, each) === id),
  );
}

describe('draw', () => {
  it('draws the id that the sampler in TypeScript draws, with all filters together, on every path', () => {
    // Different logits differ by more than the rounding error of float32 weights.
    const logit = fc.integer({ min: -768, max: 768 }).map((value) => value / 64);
    const row = fc.array(logit, { minLength: 1, maxLength: 3000 });
    fc.assert(
      fc.property(
        row,
        settings,
        fc.double({ min: 0, max: 1 - 2 ** -53, noNaN: true }),
        (values, chosen, u) => {
          const logits = Float32Array.from(values);
          expect(agrees(logits, chosen, u, everywhere(logits, chosen, u))).toBe(true);
        },
      ),
      { seed: 11, numRuns: 300 },
    );
  });

  it('keeps the lower ids if equal weights are at the limit of top_k or top_p', () => {
    const logits = new Float32Array(5000).fill(1);
    const kept = { temperature: 1, topP: 1, topK: 40, minP: 0 };
    for (const u of [0, 0.5, 0.999]) expect(everywhere(logits, kept, u)).toBe(Math.floor(u * 40));
    const half = { temperature: 1, topP: 0.5, topK: 0, minP: 0 };
    expect(everywhere(logits, half, 0.9999)).toBe(2499);
  });

  it('draws the id that the sampler in TypeScript draws from a whole vocabulary', () => {
    const logits = floats(3, 200_064);
    for (const chosen of [
      { temperature: 0.8, topP: 0.95, topK: 0, minP: 0 },
      { temperature: 1, topP: 1, topK: 0, minP: 0 },
      { temperature: 1.3, topP: 0.9, topK: 50, minP: 0.01 },
    ]) {
      for (const u of [0, 0.123, 0.77, 0.99999]) {
        expect(agrees(logits, chosen, u, everywhere(logits, chosen, u))).toBe(true);
      }
    }
  });

  it('never draws an id whose logit is -infinity or NaN, or that a filter has cut', () => {
    const logits = Float32Array.from([Number.NaN, 3, Number.NEGATIVE_INFINITY, 2, -200]);
    const all = { temperature: 1, topP: 1, topK: 0, minP: 0 };
    const drawn = new Set(Array.from({ length: 1000 }, (_, i) => native(logits, all, i / 1000)));
    expect(drawn).toEqual(new Set([1, 3]));
  });

  it('refuses a row without a finite value and settings out of range', () => {
    const dead = new Float32Array(20).fill(Number.NEGATIVE_INFINITY);
    expect(() => native(dead, { temperature: 1, topP: 1, topK: 0, minP: 0 }, 0.5)).toThrow('no finite value');
    const logits = new Float32Array(20);
    expect(() => kernels.draw(logits, 21, 1, 1, 0, 0, 0.5)).toThrow('logits');
    expect(() => kernels.draw(logits, 20, 0, 1, 0, 0, 0.5)).toThrow('temperature');
    expect(() => kernels.draw(logits, 20, 1, 1, 0, 0, 1)).toThrow('u 1');
  });
});
