// Loads the addon with the CPU kernels, or says why it cannot, and declares the types of its functions.
//
// Every function checks types, sizes and bounds first, and throws a TypeError or RangeError that names the argument. Arrays may
// be longer than needed, because callers reuse buffers; `n` is the number of rows. Outputs must not overlap inputs. A row's
// bits depend neither on the rows beside it, nor on threads, nor on the instruction set.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { errorText } from '../base/error-text.ts';
import type { AttentionKernels } from './attention.ts';
import type { WireKernels } from './wires.ts';

export {
  type AttentionOptions,
  type KeyValueCache,
  PAGE_POSITIONS,
  type StepSpans,
} from './attention.ts';

declare const kind: unique symbol;

/** A file that is mapped read-only. It is unmapped when it and every matrix in it have been garbage-collected. */
export interface FileMap {
  readonly [kind]: 'map';
  readonly bytes: number;
}

/** `[rows, cols]` weights in tiles (model/tiles/precision.ts). Keeps its map alive. */
export interface QuantisedMatrix {
  readonly [kind]: 'matrix';
  readonly rows: number;
  readonly cols: number;
  /** 4, 6 or 8. */
  readonly bits: number;
}

/** The three matrices of a SwiGLU expert, its biases and its activation. */
export interface ExpertMatrices {
  readonly [kind]: 'expert';
  readonly hidden: number;
  readonly inner: number;
}

/** What an expert has besides its matrices. The biases are copied. */
export interface ExpertForm {
  /** `[inner]`, added to `gate x`. */
  readonly gateBias?: Float32Array | undefined;
  /** `[inner]`, added to `up x`. */
  readonly upBias?: Float32Array | undefined;
  /** `[hidden]`, added to the answer. */
  readonly downBias?: Float32Array | undefined;
  /**
   * Replaces `silu(g) * u` by the activation of GPT-OSS: `g * sigmoid(alpha * g) * (u + 1)`, after g is limited to at most
   * `limit`, and u to -limit … limit. `limit` is above 0.
   */
  readonly clamp?: { readonly alpha: number; readonly limit: number } | undefined;
}

export type PathName = 'avx512-vnni' | 'avx2' | 'neon' | 'plain';

/**
 * `willneed` starts reading ahead and returns at once. `populate` returns when everything is mapped. `huge` requests large
 * pages. `random` stops the operating system from reading more than is touched, and `normal` undoes that.
 */
export type Advice = 'willneed' | 'populate' | 'random' | 'normal' | 'huge';

/** The caches that a prefetch of weights fills: none, all, all but the first level, all but the first two, or the first alone. */
export const PREFETCH_HINTS = ['none', 't0', 't1', 't2', 'nta'] as const;

export interface Prefetch {
  readonly hint: (typeof PREFETCH_HINTS)[number];
  /** How far ahead of the current weights a prefetch reads, 0–65,536 bytes. */
  readonly aheadBytes: number;
}

export interface Kernels extends AttentionKernels, WireKernels {
  /** Names of the instruction sets that this CPU can use, best first. All give the same bits. */
  paths(): PathName[];
  path(): PathName;
  /** Makes the whole process use this instruction set, for tests and comparisons. */
  setPath(name: PathName): void;

  threads(): number;
  /**
   * Sets the threads of the whole process, including the caller's (1–64). Between jobs, the other threads spin for
   * `spinMicroseconds` (default 500) and then sleep. While they spin, they yield to any other runnable thread. While the
   * caller waits for several frames of an exchange, they do not spin.
   */
  setThreads(count: number, spinMicroseconds?: number): void;

  /** Whether products of the current instruction set prefetch weights. Those for x86 do. */
  prefetches(): boolean;
  /** How products prefetch weights, in the whole process. */
  prefetch(): Prefetch;
  /** Changes the speed of products, and no bit of a result. Initially, the hint is `none`. */
  setPrefetch(hint: Prefetch['hint'], aheadBytes: number): void;
  /**
   * Removes the matrix from all caches of the processor, so that its next product reads it from memory. Returns false, and does
   * nothing, on processors other than x86.
   */
  evict(matrix: QuantisedMatrix): boolean;
  /**
   * Multiplies and adds bytes in registers with all threads, as fast as the processor can. Returns the number of multiplications
   * and additions, in proportion to `turns` (1–1,000,000), or 0 if the current instruction set has no such loop. Benchmarks
   * compare the speed of products with it.
   */
  peak(turns: number): number;

  /**
   * If the file is truncated later, reading the missing part raises SIGBUS. The process then writes a line with the path to
   * standard error before it dies.
   */
  map(path: string): FileMap;
  /** Blocks only for `populate`. Holds no lock, so that one thread can read ahead while another computes. */
  advise(map: FileMap, offset: number, bytes: number, advice: Advice): void;
  /** Number of bytes of the range that are in memory, in whole pages. */
  resident(map: FileMap, offset: number, bytes: number): number;

  /**
   * The exclusive or of the range's 8-byte words, read by all threads at the speed of memory. A remainder below 8 bytes is
   * ignored. Benchmarks compare the speed of other kernels with it.
   */
  sweep(map: FileMap, offset: number, bytes: number): bigint;

  /** The matrix that starts at byte `offset` of the file, in place. */
  matrix(map: FileMap, offset: number, rows: number, cols: number, bits: number): QuantisedMatrix;
  /** Like `matrix`, over a copy of `bytes`, because a JavaScript buffer could be detached while a handle points into it. */
  matrixOf(bytes: Uint8Array, rows: number, cols: number, bits: number): QuantisedMatrix;
  /** Writes row `ids[i]` as floats to row `i` of `y [ids.length, cols]`. */
  readRows(matrix: QuantisedMatrix, ids: Int32Array, y: Float32Array): void;

  /**
   * `y[i] [n, rows_i] = x [n, cols] Wᵢᵀ` for matrices that share their input (q, k, v), in one parallel job. `x` is rounded
   * to int8 (`q`) with a float32 scale for every 32 inputs, like ONNX Runtime at accuracy level 4. For each output, the blocks
   * of 32 are added in order: `acc = fma(float(Σ q·w), scaleX * scaleW, acc)`. Then `biases[i] [rows_i]`, if it is given, is
   * added to every row of `y[i]`.
   */
  product(
    x: Float32Array,
    n: number,
    matrices: readonly QuantisedMatrix[],
    y: readonly Float32Array[],
    biases?: readonly (Float32Array | undefined)[],
  ): void;

  /**
   * Lets idle threads bring these matrices (1–7) and then `floats` from memory into the caches, at most 4 MiB, until the next call
   * replaces them. Returns at once, and changes the speed only. A process with one thread has no idle threads.
   */
  warm(matrices: readonly QuantisedMatrix[], floats?: Float32Array): void;

  /** gate and up `[inner, hidden]`, down `[hidden, inner]`. */
  expert(
    gate: QuantisedMatrix,
    up: QuantisedMatrix,
    down: QuantisedMatrix,
    form?: ExpertForm,
  ): ExpertMatrices;
  /**
   * `y = down(silu(gate x) * up x)`, or what the expert's form makes of it, group after group: the next `counts[i] ≥ 1` rows
   * belong to `experts[i]`. `places [sum of counts, 2]` has, for each row, its row of `x` and its row of `y`; no two may have the
   * same row of `y`. Without `places`, the rows are in order in both arrays, `[sum of counts, hidden]`. All experts of a call have
   * the same shape.
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
   * `residual[r] += weights[r, j] * answers[r, j]`, with the same bits as router/combine.ts: `residual [n, width]`,
   * `answers [n, k, width]`, `weights [n, k]`. Rows whose `mask [n]` is 0 are unchanged.
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

  /** `y[r] *= factors[r]` for rows of `width`: `y [n, width]`, `factors [n]`. */
  scaleRows(y: Float32Array, factors: Float32Array, width: number, n: number): void;

  /**
   * Takes an exclusive lock (flock) on an open file, by its descriptor. Returns false if another process has it. The lock is
   * released when the descriptor is closed or the process ends in any way.
   */
  lockFile(file: number): boolean;

  /** Writes index and value of each row's largest logit; of equal logits, the lowest index. NaN counts as -infinity. */
  argmax(logits: Float32Array, n: number, width: number, ids: Int32Array, values: Float32Array): void;
  /** Like `argmax`, for the `k` largest (1–4096, at most `width`) of each row, largest first, to `[n, k]`. */
  topk(
    logits: Float32Array,
    n: number,
    width: number,
    k: number,
    ids: Int32Array,
    values: Float32Array,
  ): void;
  /** Writes `log Σ exp(logits / temperature)` of each row to `y [n]`. */
  logsumexp(logits: Float32Array, n: number, width: number, temperature: number, y: Float64Array): void;
  /**
   * Draws an id from one row by the random number `u` in [0, 1), as gateway/engine/sampling/sampler.ts defines it, but with
   * float32 weights. `topP` 1, `topK` 0 and `minP` 0 keep all ids. Throws if no logit is finite.
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

/** Part of the numerics class. Must be raised when the order of any sum changes. All instruction sets share it. */
export const KERNELS_VERSION = 1;

/**
 * Places of the addon: npm's node-gyp builds it in a checkout, and a package includes it. The compiled form of this file is two
 * folders deeper.
 */
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

/** Undefined if the addon is neither built nor packed for this machine. ONNX Runtime computes then. */
export const kernels: Kernels | undefined = loaded.addon;

/** Why `kernels` is undefined; otherwise empty. */
export const missingReason: string = loaded.reason;
