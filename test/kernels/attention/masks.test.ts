// Attention that is limited by windows and chunks, and attention with sinks.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type AttentionOptions, PAGE_POSITIONS } from '../../../kernels/kernels.ts';
import { halfToNumber, numberToHalf } from '../../../model/floats.ts';
import { relativeError } from '../../support/error.ts';
import { draw, firstDifference, kernels, onEveryPath } from '../support.ts';
import {
  attend,
  expectSameBits,
  type Model,
  model,
  pagesFor,
  type Sequence,
  sequence,
  shuffled,
} from './sequences.ts';

afterEach(() => kernels.setThreads(1));

/** A model without rotation, so that keys and values that float16 holds exactly are stored as they are. */
const plain = (heads: number, kvHeads: number, headDim: number, options: AttentionOptions): Model => ({
  ...model(1, heads, kvHeads, headDim, 'none'),
  rotary: 0,
  options,
});

function exact(seed: number, positions: number, m: Model): Sequence {
  const s = sequence(seed, positions, m, shuffled(seed, pagesFor(positions)));
  for (const rows of [s.k, s.v]) rows.set(rows.map((value) => halfToNumber(numberToHalf(value))));
  return s;
}

/** Results of the last `count` positions alone, as one span. */
function tail(m: Model, s: Sequence, count: number, table = s.pages): Float32Array {
  const cache = kernels.cache(s.pages.length, 1, m.kvHeads, m.headDim);
  const all = kernels.spans(cache, s.pages, Int32Array.of(0, s.pages.length, 0, s.positions));
  const none = new Float32Array(0);
  kernels.rotate(all, 0, s.q.slice(), s.k, s.v, none, none, m.heads, undefined, undefined, 0, 0);
  const start = s.positions - count;
  const q = s.q.subarray(start * m.heads * m.headDim);
  const y = new Float32Array(q.length);
  const spans = kernels.spans(cache, table, Int32Array.of(0, table.length, start, count));
  kernels.attention(spans, 0, q, m.heads, m.headDim ** -0.5, y, m.options);
  return y;
}

/** Lengths and limits around the sizes of pages (32), segments (512) and vectors (16). */
const EDGES = [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128, 511, 512, 513, 544, 1024, 1025];

describe('attention with windows, chunks and sinks', () => {
  it('equals plain loops, with the same bits on every path', () => {
    const limit = fc.oneof(fc.constant(0), fc.constantFrom(...EDGES), fc.integer({ min: 1, max: 1200 }));
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer({ min: 0, max: 1e6 }),
          kvHeads: fc.integer({ min: 1, max: 2 }),
          group: fc.constantFrom(1, 2, 3, 5, 17),
          half: fc.integer({ min: 1, max: 9 }),
          positions: fc.oneof(fc.constantFrom(...EDGES), fc.integer({ min: 1, max: 1200 })),
          count: fc.integer({ min: 1, max: 10 }),
          window: limit,
          chunk: limit,
          sinks: fc.boolean(),
        }),
        ({ seed, kvHeads, group, half, positions, count, window, chunk, sinks }) => {
          const heads = kvHeads * group;
          const options = { window, chunk, sinks: sinks ? draw(seed + 9, heads, 3) : undefined };
          const m = plain(heads, kvHeads, 2 * half, options);
          const s = exact(seed, positions, m);
          const rows = Math.min(count, positions);
          const y = onEveryPath(() => {
            kernels.setThreads(1 + (seed % 4));
            return tail(m, s, rows);
          });
          const expected = attend(m, s, (2 * half) ** -0.5, positions - rows);
          expect(relativeError(y, expected.subarray(expected.length - y.length))).toBeLessThan(3e-6);
        },
      ),
      { seed: 11, numRuns: 10 },
    );
  });

  it.each<[string, AttentionOptions]>([
    ['window 1', { window: 1 }],
    ['window 33', { window: 33 }],
    ['window 500', { window: 500 }],
    ['chunk 1', { chunk: 1 }],
    ['chunk 100', { chunk: 100 }],
    ['chunk 512', { chunk: 512 }],
    ['window 40, chunk 60', { window: 40, chunk: 60 }],
    ['sinks', {}],
  ])(
    'gives a query the same bits in chunks of a prompt and one by one, with any threads: %s',
    (_, limits) => {
      const m = {
        ...model(2, 6, 2, 24, 'head'),
        rotary: 16,
        options: { ...limits, sinks: draw(3, 6, 2) },
      };
      const cuts = [
        [1, [600]],
        [2, [1, 2, 3, 5, 8, 13, 100]],
        [3, [32]],
        [4, [511, 2, 87]],
      ] as const;
      expectSameBits(m, [600, 1, 33], cuts, 1);
    },
  );

  it('gives the bits of unlimited attention if a limit is not below the context', () => {
    const s = exact(4, 530, plain(4, 2, 16, {}));
    const expected = tail(plain(4, 2, 16, {}), s, 20);
    for (const options of [
      { window: 0, chunk: 0 },
      { window: 530 },
      { window: 2 ** 31 },
      { chunk: 530 },
      { chunk: 2 ** 31, window: 10_000 },
      { sinks: new Float32Array(4).fill(Number.NEGATIVE_INFINITY) },
      { window: undefined, chunk: undefined, sinks: undefined },
    ]) {
      const y = onEveryPath(() => tail(plain(4, 2, 16, options), s, 20));
      expect(firstDifference(y, expected)).toBeUndefined();
    }
  });

  it('returns the own value of a position that sees no other one', () => {
    const m = plain(3, 1, 8, { window: 1 });
    const s = exact(5, 70, m);
    const own = Float32Array.from({ length: 70 * 24 }, (_, i) => s.v[Math.floor(i / 24) * 8 + (i % 8)]!);
    for (const options of [{ window: 1 }, { chunk: 1 }, { window: 1, chunk: 7 }]) {
      const y = onEveryPath(() => tail({ ...m, options }, s, 70));
      expect(firstDifference(y, own)).toBeUndefined();
    }
  });

  it.each([
    ['a window', { window: 100 }, 597],
    ['a chunk', { chunk: 64 }, 640],
  ])('is not affected by what the pages before %s have, and reads none of them', (_, options, first) => {
    const [positions, rows] = [700, 4];
    const m = plain(6, 2, 16, options);
    const s = exact(6, positions, m);
    const expected = tail(m, s, rows);
    const poisoned = { ...s, k: s.k.slice(), v: s.v.slice() };
    for (const values of [poisoned.k, poisoned.v]) values.fill(Number.NaN, 0, first * m.kvHeads * m.headDim);
    // The table has another page in place of all pages that lie before the limit.
    const table = s.pages.map((page, i) => (i < Math.floor(first / PAGE_POSITIONS) ? s.pages[0]! : page));
    const y = onEveryPath(() => tail(m, poisoned, rows, table));
    expect(firstDifference(y, expected)).toBeUndefined();
  });

  it('gives zeros if a sink exceeds all scores by far, and leaves the other heads unaffected', () => {
    const m = plain(2, 1, 8, { sinks: Float32Array.of(1e30, Number.NEGATIVE_INFINITY) });
    const s = exact(7, 40, m);
    const y = onEveryPath(() => tail(m, s, 40));
    const expected = tail(plain(2, 1, 8, {}), s, 40);
    for (let row = 0; row < 40; row++) {
      const at = 16 * row;
      expect(Math.max(...y.subarray(at, at + 8).map(Math.abs))).toBeLessThan(1e-30);
      expect(firstDifference(y.slice(at + 8, at + 16), expected.slice(at + 8, at + 16))).toBeUndefined();
    }
  });
});
