import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PAGE_POSITIONS } from '../../kernels/kernels.ts';
import { halfToNumber, numberToHalf } from '../../model/floats.ts';
import { relativeError } from '../support/error.ts';
import { uniform } from '../support/random.ts';
import { draw, firstDifference, kernels, onEveryPath } from './support.ts';

afterEach(() => kernels.setThreads(1));

interface Model {
  heads: number;
  kvHeads: number;
  headDim: number;
  qNorm: Float32Array | undefined;
  kNorm: Float32Array | undefined;
}

/** The rows of one sequence before norm and rotation, and its pages. */
interface Sequence {
  positions: number;
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
  cos: Float32Array;
  sin: Float32Array;
  pages: Int32Array;
}

const eps = 1e-6;

function model(seed: number, heads: number, kvHeads: number, headDim: number, norm: string): Model {
  const width = (count: number) => (norm === 'head' ? headDim : count * headDim);
  const weights = (offset: number, count: number) =>
    norm === 'none' ? undefined : draw(seed + offset, width(count));
  return { heads, kvHeads, headDim, qNorm: weights(1, heads), kNorm: weights(2, kvHeads) };
}

function sequence(seed: number, positions: number, { heads, kvHeads, headDim }: Model, pages: number[]) {
  const angles = draw(seed + 3, (positions * headDim) / 2, 3);
  return {
    positions,
    q: draw(seed, positions * heads * headDim),
    k: draw(seed + 1, positions * kvHeads * headDim),
    v: draw(seed + 2, positions * kvHeads * headDim),
    cos: angles.map(Math.cos),
    sin: angles.map(Math.sin),
    pages: Int32Array.from(pages),
  };
}

/** Pages 0 … count - 1 in a random order. */
function shuffled(seed: number, count: number): number[] {
  const next = uniform(seed);
  return Array.from({ length: count }, (_, page) => ({ page, key: next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ page }) => page);
}

const pagesFor = (positions: number) => Math.ceil(positions / PAGE_POSITIONS);

/** Rotated rows, in float64. */
function prepare(
  rows: Float32Array,
  count: number,
  dim: number,
  norm: Float32Array | undefined,
  s: Sequence,
) {
  const out = Float64Array.from(rows);
  const width = norm === undefined ? dim : norm.length;
  if (norm !== undefined) {
    for (let at = 0; at < out.length; at += width) {
      const part = out.subarray(at, at + width);
      const scale = 1 / Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / width + eps);
      for (let i = 0; i < width; i++) part[i] = part[i]! * scale * norm[i]!;
    }
  }
  const half = dim / 2;
  for (let row = 0; row < s.positions; row++) {
    for (let head = 0; head < count; head++) {
      const at = (row * count + head) * dim;
      for (let i = 0; i < half; i++) {
        const [a, b] = [out[at + i]!, out[at + half + i]!];
        const [cos, sin] = [s.cos[row * half + i]!, s.sin[row * half + i]!];
        out[at + i] = a * cos - b * sin;
        out[at + half + i] = b * cos + a * sin;
      }
    }
  }
  return out;
}

const toHalf = (values: Float64Array) => values.map((value) => halfToNumber(numberToHalf(value)));

/** `[positions, heads * headDim]` in float64, but with keys and values that were rounded to float16. */
function attend(m: Model, s: Sequence, scale: number): Float64Array {
  const { heads, kvHeads, headDim: dim } = m;
  const q = prepare(s.q, heads, dim, m.qNorm, s);
  const k = toHalf(prepare(s.k, kvHeads, dim, m.kNorm, s));
  const v = toHalf(Float64Array.from(s.v));
  const y = new Float64Array(q.length);
  for (let row = 0; row < s.positions; row++) {
    for (let head = 0; head < heads; head++) {
      const at = (row * heads + head) * dim;
      const group = Math.floor((head * kvHeads) / heads);
      const scores = Array.from({ length: row + 1 }, (_, p) => {
        let sum = 0;
        for (let i = 0; i < dim; i++) sum += q[at + i]! * k[(p * kvHeads + group) * dim + i]!;
        return sum * scale;
      });
      const top = Math.max(...scores);
      const shares = scores.map((score) => Math.exp(score - top));
      const total = shares.reduce((a, b) => a + b);
      for (const [p, share] of shares.entries()) {
        for (let i = 0; i < dim; i++) y[at + i]! += (share / total) * v[(p * kvHeads + group) * dim + i]!;
      }
    }
  }
  return y;
}

/** Runs the sequences' positions in steps of the given chunk sizes, all sequences in each step. */
function run(m: Model, sequences: readonly Sequence[], chunks: readonly number[], layer = 0): Float32Array[] {
  const { heads, kvHeads, headDim } = m;
  const pageCount = sequences.reduce((sum, s) => sum + s.pages.length, 0);
  const cache = kernels.cache(pageCount, layer + 1, kvHeads, headDim);
  const table = Int32Array.from(sequences.flatMap(({ pages }) => [...pages]));
  const firstPages = sequences.map((_, i) =>
    sequences.slice(0, i).reduce((sum, { pages }) => sum + pages.length, 0),
  );
  const results = sequences.map((s) => new Float32Array(s.positions * heads * headDim));
  for (let start = 0, step = 0; sequences.some((s) => start < s.positions); step++) {
    const chunk = chunks[step % chunks.length]!;
    const running = sequences.map((s, i) => ({ s, i })).filter(({ s }) => start < s.positions);
    const counts = running.map(({ s }) => Math.min(chunk, s.positions - start));
    const numbers = running.flatMap(({ s, i }, j) => [firstPages[i]!, s.pages.length, start, counts[j]!]);
    const spans = kernels.spans(cache, table, Int32Array.from(numbers));
    const gather = (of: (s: Sequence) => Float32Array, width: number) => {
      const parts = running.map(({ s }, j) => of(s).subarray(start * width, (start + counts[j]!) * width));
      const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        out.set(part, at);
        at += part.length;
      }
      return out;
    };
    const q = gather((s) => s.q, heads * headDim);
    const k = gather((s) => s.k, kvHeads * headDim);
    const v = gather((s) => s.v, kvHeads * headDim);
    const cos = gather((s) => s.cos, headDim / 2);
    const sin = gather((s) => s.sin, headDim / 2);
    kernels.rotate(spans, layer, q, k, v, cos, sin, heads, m.qNorm, m.kNorm, eps);
    const y = new Float32Array(q.length);
    kernels.attention(spans, layer, q, heads, headDim ** -0.5, y);
    let at = 0;
    for (const [j, { i }] of running.entries()) {
      const part = y.subarray(at, at + counts[j]! * heads * headDim);
      results[i]!.set(part, start * heads * headDim);
      at += part.length;
    }
    start += chunk;
  }
  return results;
}

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
    const lengths = [600, 1, 33, 550];
    const alone = lengths.map((length, i) => {
      const s = sequence(10 * i, length, m, shuffled(i, pagesFor(length)));
      return run(m, [s], [1])[0]!;
    });
    const pages = shuffled(
      9,
      lengths.reduce((sum, length) => sum + pagesFor(length), 0),
    );
    const together = lengths.map((length, i) =>
      sequence(10 * i, length, m, pages.splice(0, pagesFor(length))),
    );
    for (const [threads, chunks] of [
      [1, [600]],
      [2, [1, 2, 3, 5, 8, 13, 100]],
      [3, [32]],
      [2, [511, 2, 87]],
    ] as const) {
      kernels.setThreads(threads);
      const results = run(m, together, chunks, 2);
      for (const [i, y] of results.entries()) expect(firstDifference(y, alone[i]!)).toBeUndefined();
    }
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
