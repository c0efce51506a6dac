// Types of the addon's functions for the cache of keys and values, and for attention over it.

declare const kind: unique symbol;

/** Pages of float16 keys and values of all layers. Memory is allocated when a page is first written. */
export interface KeyValueCache {
  readonly [kind]: 'cache';
  readonly pages: number;
  /** Bytes of one page, all layers together. */
  readonly pageBytes: number;
}

/** The pages of the cache that the rows of a step belong to. Checked once for all layers. */
export interface StepSpans {
  readonly [kind]: 'spans';
  /** Rows of all spans together. */
  readonly rows: number;
}

/** Positions in one page of the cache. */
export const PAGE_POSITIONS = 32;

/** Which positions up to its own a row attends to (the default is all), and sinks. With a window and chunks, both limit it. */
export interface AttentionOptions {
  /** Position p attends to max(0, p - window + 1) … p. 0 (the default) is no limit. */
  readonly window?: number | undefined;
  /** Position p attends to floor(p / chunk) * chunk … p. 0 (the default) is no limit. */
  readonly chunk?: number | undefined;
  /** `[heads]`: a logit of each query head that takes part in the softmax and has no value. It is not scaled. */
  readonly sinks?: Float32Array | undefined;
}

export interface AttentionKernels {
  /** `headDim` is even. */
  cache(pages: number, layers: number, kvHeads: number, headDim: number): KeyValueCache;
  /** Copies all layers of a page to `bytes [pageBytes]`. */
  readPage(cache: KeyValueCache, page: number, bytes: Uint8Array): void;
  /** Copies `bytes [pageBytes]`, which `readPage` of a cache of the same shape has written, to a page. */
  writePage(cache: KeyValueCache, page: number, bytes: Uint8Array): void;
  /**
   * `spans [s, 4]` = first entry in `pages`, number of entries, start, count. Position p of a sequence lies in page
   * `pages[first + floor(p / PAGE_POSITIONS)]`. A span's rows are the positions start … start + count - 1.
   */
  spans(cache: KeyValueCache, pages: Int32Array, spans: Int32Array): StepSpans;
  /**
   * Applies the norm and the rotation to `q [rows, heads * headDim]` in place. Writes `k [rows, kvHeads * headDim]`, normed and
   * rotated, and `v` of the same shape to the cache as float16, and leaves both unchanged. The norm is over each head if its
   * weight has `headDim` values, otherwise over the whole row. Without a weight there is no norm. With `normLast`, the norm
   * comes after the rotation.
   *
   * Only the first `rotary` values of a head are rotated (an even number, by default `headDim`). `cos`, `sin [rows, rotary / 2]`.
   * Values i and i + rotary / 2 are a pair. With a `rotary` of 0, nothing is rotated, and `cos` and `sin` may be empty.
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
    rotary?: number,
    normLast?: boolean,
  ): void;
  /**
   * Causal attention of every span's rows over its pages, to `y [rows, heads * headDim]`. Query head h reads key head
   * `floor(h * kvHeads / heads)`. Positions are summed in segments of 512, in order, so that a row's bits do not depend on the
   * number of queries or spans. Pages that the options exclude for all of these rows are not read, and an excluded position
   * has no effect, whatever its page has there.
   */
  attention(
    spans: StepSpans,
    layer: number,
    q: Float32Array,
    heads: number,
    scale: number,
    y: Float32Array,
    options?: AttentionOptions,
  ): void;
}
