// Rotation of a part of each head, and norms before or after it.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PAGE_POSITIONS } from '../../../kernels/kernels.ts';
import { numberToHalf } from '../../../model/floats.ts';
import { relativeError } from '../../support/error.ts';
import { firstDifference, kernels, onEveryPath } from '../support.ts';
import { eps, type Model, model, pagesFor, prepare, type Sequence, sequence } from './sequences.ts';

afterEach(() => kernels.setThreads(1));

/** Rotates all rows of a sequence. Returns the queries, and the keys in the cache as the bits of float16. */
function rotate(m: Model, s: Sequence, given: readonly unknown[]): { q: Float32Array; keys: number[] } {
  const { kvHeads, headDim: dim } = m;
  const cache = kernels.cache(s.pages.length, 1, kvHeads, dim);
  const spans = kernels.spans(cache, s.pages, Int32Array.of(0, s.pages.length, 0, s.positions));
  const q = s.q.slice();
  const values = [spans, 0, q, s.k, s.v, s.cos, s.sin, m.heads, m.qNorm, m.kNorm, eps, ...given];
  Reflect.apply(kernels.rotate, kernels, values);
  const keys: number[] = [];
  const page = new Uint8Array(cache.pageBytes);
  const halves = new Uint16Array(page.buffer);
  const headHalves = PAGE_POSITIONS * (dim + Math.ceil(dim / 16) * 16);
  for (let row = 0; row < s.positions; row++) {
    if (row % PAGE_POSITIONS === 0) kernels.readPage(cache, s.pages[row / PAGE_POSITIONS]!, page);
    for (let head = 0; head < kvHeads; head++) {
      for (let i = 0; i < dim; i++) {
        keys.push(halves[head * headHalves + i * PAGE_POSITIONS + (row % PAGE_POSITIONS)]!);
      }
    }
  }
  return { q, keys };
}

const ascending = (positions: number) => Array.from({ length: pagesFor(positions) }, (_, page) => page);

const shapes = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  group: fc.integer({ min: 1, max: 3 }),
  half: fc.integer({ min: 1, max: 40 }),
  share: fc.constantFrom(0, 0.3, 0.5, 1),
  positions: fc.integer({ min: 1, max: 70 }),
  norm: fc.constantFrom('none', 'head', 'projection'),
  normLast: fc.boolean(),
});

describe('rotate', () => {
  it('equals plain loops for any part of a head and both orders of norm and rotation, on every path', () => {
    fc.assert(
      fc.property(shapes, ({ seed, kvHeads, group, half, share, positions, norm, normLast }) => {
        const rotary = 2 * Math.round(share * half);
        const m = { ...model(seed, kvHeads * group, kvHeads, 2 * half, norm), rotary, normLast };
        const s = sequence(seed, positions, m, ascending(positions));
        kernels.setThreads(1 + (seed % 4));
        const q = onEveryPath(() => rotate(m, s, [rotary, normLast]).q);
        expect(relativeError(q, prepare(s.q, m.heads, m, m.qNorm, s))).toBeLessThan(2e-6);
      }),
      { seed: 12, numRuns: 60 },
    );
  });

  it('treats keys as it treats queries, and rounds them to float16', () => {
    for (const [rotary, normLast, norm] of [
      [undefined, undefined, 'head'],
      [0, false, 'projection'],
      [6, true, 'projection'],
      [20, true, 'head'],
      [10, false, 'none'],
    ] as const) {
      const m = { ...model(1, 2, 2, 20, norm), rotary };
      const s = sequence(2, 40, m, ascending(40));
      const alike = { ...s, k: s.q };
      const { q, keys } = rotate({ ...m, kNorm: m.qNorm }, alike, [rotary, normLast]);
      expect(keys).toEqual([...q].map(numberToHalf));
    }
  });

  it('rotates whole heads, after the norm, by default', () => {
    const m = model(3, 4, 2, 24, 'head');
    const s = sequence(4, 33, m, ascending(33));
    const usual = rotate(m, s, []);
    for (const given of [[24], [24, false], [undefined, undefined], [undefined, false]]) {
      const same = rotate(m, s, given);
      expect(firstDifference(same.q, usual.q)).toBeUndefined();
      expect(same.keys).toEqual(usual.keys);
    }
  });

  it('leaves values behind the rotated ones as they are, and needs no angles if it rotates nothing', () => {
    const m = { ...model(5, 2, 1, 12, 'none'), rotary: 4 };
    const s = sequence(6, 20, m, ascending(20));
    const { q } = rotate(m, s, [4]);
    const behind = (values: Float32Array) => values.filter((_, i) => i % 12 >= 4);
    expect(firstDifference(behind(q), behind(s.q))).toBeUndefined();
    expect(firstDifference(q, s.q)).toBeDefined();
    const none = { ...s, cos: new Float32Array(0), sin: new Float32Array(0) };
    expect(firstDifference(rotate(m, none, [0]).q, s.q)).toBeUndefined();
    expect(rotate(m, none, [0]).keys).toEqual([...s.k].map(numberToHalf));
  });
});
