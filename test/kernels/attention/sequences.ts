// Sequences for the tests of attention: their rows, the addon's results in steps, and a slow reference in float64.
import { expect } from 'vitest';
import { type AttentionOptions, PAGE_POSITIONS } from '../../../kernels/kernels.ts';
import { halfToNumber, numberToHalf } from '../../../model/floats.ts';
import { uniform } from '../../support/random.ts';
import { draw, firstDifference, kernels } from '../support.ts';

export interface Model {
  heads: number;
  kvHeads: number;
  headDim: number;
  qNorm: Float32Array | undefined;
  kNorm: Float32Array | undefined;
  /** By default `headDim`. */
  rotary?: number | undefined;
  normLast?: boolean | undefined;
  options?: AttentionOptions | undefined;
}

/** The rows of one sequence before norm and rotation, and its pages. */
export interface Sequence {
  positions: number;
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
  cos: Float32Array;
  sin: Float32Array;
  pages: Int32Array;
}

export const eps = 1e-6;

/** `norm`: over each `head`, over the whole `projection`, or `none`. */
export function model(seed: number, heads: number, kvHeads: number, headDim: number, norm: string): Model {
  const width = (count: number) => (norm === 'head' ? headDim : count * headDim);
  const weights = (offset: number, count: number) =>
    norm === 'none' ? undefined : draw(seed + offset, width(count));
  return { heads, kvHeads, headDim, qNorm: weights(1, heads), kNorm: weights(2, kvHeads) };
}

const rotaryOf = ({ rotary, headDim }: Model) => rotary ?? headDim;

export function sequence(seed: number, positions: number, m: Model, pages: number[]): Sequence {
  const { heads, kvHeads, headDim } = m;
  const angles = draw(seed + 3, (positions * rotaryOf(m)) / 2, 3);
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
export function shuffled(seed: number, count: number): number[] {
  const next = uniform(seed);
  return Array.from({ length: count }, (_, page) => ({ page, key: next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ page }) => page);
}

export const pagesFor = (positions: number) => Math.ceil(positions / PAGE_POSITIONS);

function norm(rows: Float64Array, dim: number, weight: Float32Array | undefined): void {
  if (weight === undefined) return;
  const width = weight.length === dim ? dim : weight.length;
  for (let at = 0; at < rows.length; at += width) {
    const part = rows.subarray(at, at + width);
    const scale = 1 / Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / width + eps);
    for (let i = 0; i < width; i++) part[i] = part[i]! * scale * weight[i]!;
  }
}

/** Rows after norm and rotation, in float64. */
export function prepare(
  rows: Float32Array,
  count: number,
  m: Model,
  weight: Float32Array | undefined,
  s: Sequence,
): Float64Array {
  const dim = m.headDim;
  const out = Float64Array.from(rows);
  if (m.normLast !== true) norm(out, dim, weight);
  const half = rotaryOf(m) / 2;
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
  if (m.normLast === true) norm(out, dim, weight);
  return out;
}

const toHalf = (values: Float64Array) => values.map((value) => halfToNumber(numberToHalf(value)));

/** Whether position `row` attends to position `p`, which is not behind it. */
function attends({ window = 0, chunk = 0 }: AttentionOptions, row: number, p: number): boolean {
  const inWindow = window === 0 || p > row - window;
  const inChunk = chunk === 0 || Math.floor(p / chunk) === Math.floor(row / chunk);
  return inWindow && inChunk;
}

/**
 * `[positions, heads * headDim]` in float64, but with keys and values that were rounded to float16. Rows before `firstRow` are
 * not computed.
 */
export function attend(m: Model, s: Sequence, scale: number, firstRow = 0): Float64Array {
  const { heads, kvHeads, headDim: dim, options = {} } = m;
  const q = prepare(s.q, heads, m, m.qNorm, s);
  const k = toHalf(prepare(s.k, kvHeads, m, m.kNorm, s));
  const v = toHalf(Float64Array.from(s.v));
  const y = new Float64Array(q.length);
  for (let row = firstRow; row < s.positions; row++) {
    for (let head = 0; head < heads; head++) {
      const at = (row * heads + head) * dim;
      const group = Math.floor((head * kvHeads) / heads);
      const scores = Array.from({ length: row + 1 }, (_, p) => {
        if (!attends(options, row, p)) return Number.NEGATIVE_INFINITY;
        let sum = 0;
        for (let i = 0; i < dim; i++) sum += q[at + i]! * k[(p * kvHeads + group) * dim + i]!;
        return sum * scale;
      });
      const sink = options.sinks?.[head] ?? Number.NEGATIVE_INFINITY;
      const top = Math.max(sink, ...scores);
      const shares = scores.map((score) => Math.exp(score - top));
      const total = shares.reduce((a, b) => a + b, Math.exp(sink - top));
      for (const [p, share] of shares.entries()) {
        if (share === 0) continue;
        for (let i = 0; i < dim; i++) y[at + i]! += (share / total) * v[(p * kvHeads + group) * dim + i]!;
      }
    }
  }
  return y;
}

/** Runs the sequences' positions in steps of the given chunk sizes, all sequences in each step. */
export function run(
  m: Model,
  sequences: readonly Sequence[],
  chunks: readonly number[],
  layer = 0,
): Float32Array[] {
  const { heads, kvHeads, headDim } = m;
  const half = rotaryOf(m) / 2;
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
    const cos = gather((s) => s.cos, half);
    const sin = gather((s) => s.sin, half);
    kernels.rotate(spans, layer, q, k, v, cos, sin, heads, m.qNorm, m.kNorm, eps, m.rotary, m.normLast);
    const y = new Float32Array(q.length);
    kernels.attention(spans, layer, q, heads, headDim ** -0.5, y, m.options);
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

/**
 * Expects that sequences of `lengths` have the bits that each has alone in one chunk, when they run together with each number of
 * threads and in steps of the chunks, in layer `layer` of the cache.
 */
export function expectSameBits(
  m: Model,
  lengths: readonly number[],
  cuts: readonly (readonly [threads: number, chunks: readonly number[]])[],
  layer: number,
): void {
  const alone = lengths.map((length, i) => {
    const s = sequence(10 * i, length, m, shuffled(i, pagesFor(length)));
    return run(m, [s], [1])[0]!;
  });
  const pages = shuffled(
    9,
    lengths.reduce((sum, length) => sum + pagesFor(length), 0),
  );
  const together = lengths.map((length, i) => sequence(10 * i, length, m, pages.splice(0, pagesFor(length))));
  for (const [threads, chunks] of cuts) {
    kernels.setThreads(threads);
    const results = run(m, together, chunks, layer);
    for (const [i, y] of results.entries()) expect(firstDifference(y, alone[i]!)).toBeUndefined();
  }
}
