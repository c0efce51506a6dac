// The door to the CPU kernels: loads the addon, or says why not, and gives its entries types. Knows no model.
//
// Every entry checks types, sizes and bounds, throws a TypeError or RangeError that names the argument, and computes
// nothing then. Arrays may be longer than asked (buffers are made once and kept); `n` says how many rows are meant.
// Outputs may not overlap inputs. A row's bits depend neither on the rows beside it, nor on threads, nor on the path.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { errorText } from '../base/error-text.ts';

declare const kind: unique symbol;

/** A file mapped read-only; unmapped when it and every matrix over it are garbage. */
export interface FileMap {
  readonly [kind]: 'map';
  readonly bytes: number;
}

/** `[rows, cols]` weights in tiles (model/tiles/layout.ts); keeps its map alive. */
export interface QuantisedMatrix {
  readonly [kind]: 'matrix';
  readonly rows: number;
  readonly cols: number;
  /** 4 or 8. */
  readonly bits: number;
}

/** The three matrices of a SwiGLU expert. */
export interface ExpertMatrices {
  readonly [kind]: 'expert';
  readonly hidden: number;
  readonly inner: number;
}

/** Pages of float16 keys and values of all layers; memory is taken when a page is first written. */
export interface KeyValueCache {
  readonly [kind]: 'cache';
  readonly pages: number;
  /** Of one page, all layers. */
  readonly pageBytes: number;
}

/** Which rows of a step belong to which pages, checked once for all layers. */
export interface StepSpans {
  readonly [kind]: 'spans';
  /** Of all spans. */
  readonly rows: number;
}

export type PathName = 'avx512-vnni' | 'avx2' | 'neon' | 'plain';

/**
 * `willneed` starts reading ahead and returns; `populate` returns when all is mapped; `huge` asks for large pages;
 * `random` stops the kernel from reading more than is touched, `normal` undoes that.
 */
export type Advice = 'willneed' | 'populate' | 'random' | 'normal' | 'huge';

export interface Kernels {
  /** Paths that this CPU runs, best first; all give the same bits. */
  paths(): PathName[];
  path(): PathName;
  /** For tests and comparisons; of the whole process. */
  setPath(name: PathName): void;

  threads(): number;
  /**
   * Threads of the whole process, the caller's included (1 to 64). Between jobs the others spin for
   * `spinMicroseconds` (500: an answer from a shard takes as long), giving way to any other runnable thread, then sleep.
   */
  setThreads(count: number, spinMicroseconds?: number): void;

  /**
   * A SIGBUS within the map, because the file was cut short, writes a line with the path to standard error before the
   * process dies of it.
   */
  map(path: string): FileMap;
  /** Blocks only for `populate`; holds no lock, so that another thread may read ahead while one computes. */
  advise(map: FileMap, offset: number, bytes: number, advice: Advice): void;
  /** Bytes of the range that are in memory, in whole pages. */
  resident(map: FileMap, offset: number, bytes: number): number;

  /**
   * The exclusive or of the range's 8-byte words (a rest below 8 bytes is left out), read by all threads as fast as
   * memory gives: what a benchmark holds weight reads against.
   */
  sweep(map: FileMap, offset: number, bytes: number): bigint;

  /** The matrix that starts at byte `offset` of the file, in place. */
  matrix(map: FileMap, offset: number, rows: number, cols: number, bits: number): QuantisedMatrix;
  /** As `matrix`, over a copy of `bytes`: a JavaScript buffer could be detached while a handle points into it. */
  matrixOf(bytes: Uint8Array, rows: number, cols: number, bits: number): QuantisedMatrix;
  /** Row `ids[i]` as floats to row `i` of `y [ids.length, cols]`. */
  readRows(matrix: QuantisedMatrix, ids: Int32Array, y: Float32Array): void;

  /**
   * `y[i] [n, rows_i] = x [n, cols] Wᵢᵀ` for matrices that share their input (q, k, v) in one parallel job. `x` is
   * rounded to int8 with a float32 scale for each 32 inputs as ONNX Runtime does at accuracy level 4; per output the
   * blocks of 32 are added in order: `acc = fma(float(Σ q·w), scaleX * scaleW, acc)`.
   */
  product(x: Float32Array, n: number, matrices: readonly QuantisedMatrix[], y: readonly Float32Array[]): void;

  /** gate and up `[inner, hidden]`, down `[hidden, inner]`. */
  expert(gate: QuantisedMatrix, up: QuantisedMatrix, down: QuantisedMatrix): ExpertMatrices;
  /**
   * `y = down(silu(gate x) * up x)`, group after group: the next `counts[i] ≥ 1` rows belong to `experts[i]`. `places
   * [sum of counts, 2]` names each one's row of `x` and of `y` (no two the same of `y`); without it they lie in order in
   * both, `[sum of counts, hidden]`. The experts of one call have one shape.
   */
  experts(
    x: Float32Array,
    experts: readonly ExpertMatrices[],
    counts: Int32Array,
    y: Float32Array,
    places?: Int32Array,
  ): void;

  /** `y = x / sqrt(mean(x²) + eps) * weight` over rows of `weight.length`; `x`, `y [n, width]`. */
  rmsnorm(x: Float32Array, weight: Float32Array, eps: number, y: Float32Array, n: number): void;
  /** `residual = h + o`, `y = rmsnorm(residual)`; all `[n, width]`. `residual` may be `h` itself. */
  addRmsnorm(
    h: Float32Array,
    o: Float32Array,
    weight: Float32Array,
    eps: number,
    residual: Float32Array,
    y: Float32Array,
    n: number,
  ): void;
  /** `y [n, outputs] = x [n, cols] Wᵀ` in float32, `weights [outputs, cols]`: the router's scores. */
  scores(
    x: Float32Array,
    weights: Float32Array,
    outputs: number,
    cols: number,
    y: Float32Array,
    n: number,
  ): void;

  /**
   * `residual[r] += weights[r, j] * answers[r, j]`, as router/combine.ts defines it, bit for bit: `residual [n, width]`,
   * `answers [n, k, width]`, `weights [n, k]`; rows whose `mask [n]` is 0 are left as they are.
   */
  combine(
    residual: Float32Array,
    answers: Float32Array,
    weights: Float32Array,
    k: number,
    width: number,
    n: number,
    mask?: Uint8Array,
  ): void;

  /**
   * Takes the lock of an open file, by its descriptor, for this process alone (flock): false if another has it. It is
   * released when the descriptor is closed, or when the process ends, however it does.
   */
  lockFile(file: number): boolean;

  /** `headDim` is even. */
  cache(pages: number, layers: number, kvHeads: number, headDim: number): KeyValueCache;
  /** All layers of page `from` to page `to`. */
  copyPage(cache: KeyValueCache, from: number, to: number): void;
  /**
   * `spans [s, 4]` = first entry in `pages`, entries, start, count. A sequence's position p lies in its page
   * `pages[first + floor(p / PAGE_POSITIONS)]`; a span's rows are positions start … start + count - 1.
   */
  spans(cache: KeyValueCache, pages: Int32Array, spans: Int32Array): StepSpans;
  /**
   * Norms (over each head if the weight has `headDim` values, over the whole row otherwise, not at all if undefined)
   * and rotates `q [rows, heads * headDim]` in place, does the same to `k [rows, kvHeads * headDim]` on its way to the
   * cache as float16, where `v` of the same shape goes too. `cos`, `sin [rows, headDim / 2]`; pairs are (i, i + half).
   * `k` and `v` are left as they are.
   */
  rotate(
    spans: StepSpans,
    layer: number,
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    cos: Float32Array,
    sin: Float32Array,
    heads: number,
    qNorm: Float32Array | undefined,
    kNorm: Float32Array | undefined,
    eps: number,
  ): void;
  /**
   * Causal attention of every span's rows over its pages, to `y [rows, heads * headDim]`; query head h reads key head
   * `floor(h * kvHeads / heads)`. Positions are summed in segments of 512, in order: a row's bits do not depend on the
   * number of queries or of spans.
   */
  attention(
    spans: StepSpans,
    layer: number,
    q: Float32Array,
    heads: number,
    scale: number,
    y: Float32Array,
  ): void;

  /** Index and value of each row's largest; of equals the lowest index. NaN counts as -infinity. */
  argmax(logits: Float32Array, n: number, width: number, ids: Int32Array, values: Float32Array): void;
  /** As `argmax` for the `k` largest (1 to 4096, at most `width`) of each row, largest first, to `[n, k]`. */
  topk(
    logits: Float32Array,
    n: number,
    width: number,
    k: number,
    ids: Int32Array,
    values: Float32Array,
  ): void;
  /** `log Σ exp(logits / temperature)` of each row to `y [n]`. */
  logsumexp(logits: Float32Array, n: number, width: number, temperature: number, y: Float64Array): void;
  /**
   * An id of one row, by the random number `u` in [0, 1), as gateway/engine/sampling/sampler.ts defines it (its weights are
   * float32 here). `topP` 1, `topK` 0 and `minP` 0 keep all. Throws where no logit is finite.
   */
  draw(
    logits: Float32Array,
    width: number,
    temperature: number,
    topP: number,
    topK: number,
    minP: number,
    u: number,
  ): number;
}

/** Positions of one page of the cache. */
export const PAGE_POSITIONS = 32;

/** Names what decides the bits; raised with any change of an order of sums. All paths share it. */
export const KERNELS_VERSION = 1;

/** Built by npm's node-gyp in a checkout, else as packed; the compiled form of this file lies two folders deeper. */
const places = ['./', '../../kernels/'].flatMap((root) => [
  `${root}build/Release/kernels.node`,
  `${root}prebuilt/${process.platform}-${process.arch}/kernels.node`,
]);

function load(): { addon?: Kernels; reason: string } {
  let reason = 'the CPU kernels are not built for this machine';
  for (const place of places) {
    const file = fileURLToPath(new URL(place, import.meta.url));
    if (!existsSync(file)) continue;
    try {
      return { addon: createRequire(import.meta.url)(file), reason: '' };
    } catch (error) {
      reason = `the CPU kernels do not load: ${errorText(error)}`;
    }
  }
  return { reason };
}

const loaded = load();

/** Undefined where the addon is neither built nor packed for this machine: then ONNX Runtime serves. */
export const kernels: Kernels | undefined = loaded.addon;

/** Why `kernels` is undefined; else empty. */
export const missingReason: string = loaded.reason;
