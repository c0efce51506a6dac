import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { halfToNumber, numberToHalf } from '../../../model/floats.ts';
import { relativeError } from '../../support/error.ts';
import { firstDifference, kernels, onEveryPath } from '../support.ts';
import { attend, eps, expectSameBits, model, pagesFor, run, sequence, shuffled } from './sequences.ts';

afterEach(() => kernels.setThreads(1));

describe('attention', () => {
  it('equals plain loops on keys and values of float16, with the same bits on every path', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer({ min: 0, max: 1e6 }),
          kvHeads: fc.integer({ min: 1, max: 3 }),
          group: fc.constantFrom(1, 2, 3, 4, 5, 8, 17, 20),
          half: fc.integer({ min: 1, max: 24 }),
          positions: fc.integer({ min: 1, max: 80 }),
          norm: fc.constantFrom('none', 'head', 'projection'),
        }),
        ({ seed, kvHeads, group, half, positions, norm }) => {
          const m = model(seed, kvHeads * group, kvHeads, 2 * half, norm);
          const s = sequence(seed, positions, m, shuffled(seed, pagesFor(positions)));
          const y = onEveryPath(() => run(m, [s], [positions])[0]!);
          // If an element of a key rounds to another float16, its product in the score changes by 2^-11 of itself.
          expect(relativeError(y, attend(m, s, (2 * half) ** -0.5))).toBeLessThan(1e-3);
        },
      ),
      { seed: 7, numRuns: 40 },
    );
  });

  it('agrees closely with plain loops if no value is close to a rounding boundary of float16', () => {
    // With rotations by zero, and keys and values that float16 holds exactly, only float32 sums are rounded.
    const m = model(1, 6, 2, 32, 'none');
    const s = sequence(5, 700, m, shuffled(5, pagesFor(700)));
    s.cos.fill(1);
    s.sin.fill(0);
    for (const rows of [s.k, s.v]) rows.set(rows.map((value) => halfToNumber(numberToHalf(value))));
    const [y] = run(m, [s], [700]);
    expect(relativeError(y!, attend(m, s, 32 ** -0.5))).toBeLessThan(2e-6);
  });

  it('gives a query the same bits with any chunks, other sequences, pages and number of threads', () => {
    const m = model(2, 8, 2, 24, 'head');
    const cuts = [
      [1, [600]],
      [2, [1, 2, 3, 5, 8, 13, 100]],
      [3, [32]],
      [2, [511, 2, 87]],
    ] as const;
    expectSameBits(m, [600, 1, 33, 550], cuts, 2);
  });

  it('ignores positions after a query, whatever values the page has there', () => {
    const m = model(3, 4, 2, 16, 'none');
    const cache = kernels.cache(1, 1, 2, 16);
    const all = kernels.spans(cache, Int32Array.of(0), Int32Array.of(0, 1, 0, 32));
    const s = sequence(4, 32, m, [0]);
    const poison = new Float32Array(32 * 32).fill(Number.NaN);
    kernels.rotate(all, 0, s.q.slice(), poison, poison, s.cos, s.sin, 4, undefined, undefined, eps);
    const first = kernels.spans(cache, Int32Array.of(0), Int32Array.of(0, 1, 0, 7));
    const q = s.q.slice(0, 7 * 64);
    kernels.rotate(first, 0, q, s.k, s.v, s.cos, s.sin, 4, undefined, undefined, eps);
    const y = new Float32Array(7 * 64);
    kernels.attention(first, 0, q, 4, 0.25, y);
    expect(relativeError(y, attend(m, s, 0.25).subarray(0, 7 * 64))).toBeLessThan(1e-3);
  });

  it('gives the same bits for a page that was read and written to another cache', () => {
    const m = model(5, 4, 1, 8, 'none');
    const s = sequence(6, 40, m, [0, 1]);
    const caches = [kernels.cache(4, 2, 1, 8), kernels.cache(6, 2, 1, 8)] as const;
    const bytes = new Uint8Array(caches[0].pageBytes);
    const outputs = [Int32Array.of(0, 1), Int32Array.of(5, 2)].map((pages, i) => {
      const cache = caches[i]!;
      if (i === 1) {
        for (const page of [0, 1]) {
          kernels.readPage(caches[0], page, bytes);
          kernels.writePage(cache, pages[page]!, bytes);
        }
      }
      const y = new Float32Array(40 * 32);
      const spans = kernels.spans(cache, pages, Int32Array.of(0, 2, 0, 40));
      const q = s.q.slice();
      if (i === 0) kernels.rotate(spans, 1, q, s.k, s.v, s.cos, s.sin, 4, undefined, undefined, eps);
      kernels.attention(spans, 1, s.q, 4, 0.3, y);
      return y;
    });
    expect(firstDifference(outputs[1]!, outputs[0]!)).toBeUndefined();
  });
});
