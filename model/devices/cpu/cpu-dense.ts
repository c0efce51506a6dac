// The dense device on our own CPU kernels. It computes on the weights in the mapped bundle, and keeps keys and values in pages.
import type { Kernels, KeyValueCache, QuantisedMatrix, StepSpans } from '../../../kernels/kernels.ts';
import type { ModelConfig } from '../../config/config.ts';
import { RotationTable } from '../../config/rope.ts';
import type { DenseDevice, KvPages, KvShape, LayerOutput, Rows, Span } from '../dense.ts';
import type { LayerWeights } from '../dense-weights.ts';
import { cpuKvShape } from '../kv-shape.ts';

/**
 * If a step has at most this many rows, idle threads read the next layer's weights while this layer's experts are awaited. With more
 * rows, the weights of many experts pass through the caches before the next layer.
 */
const FEW_ROWS = 4;

interface CpuDenseParts {
  config: ModelConfig;
  kernels: Kernels;
  numericsClass: string;
  embedding: QuantisedMatrix;
  layers: readonly LayerWeights<QuantisedMatrix>[];
  /** `[hidden]` */
  norm: Float32Array;
  head: QuantisedMatrix;
}

/** Buffers that all layers of a step share. They are made at the step's first layer and freed with the step's spans. */
interface StepBuffers {
  spans: StepSpans;
  cos: Rows;
  sin: Rows;
  x: Rows;
  q: Rows;
  k: Rows;
  v: Rows;
  attended: Rows;
  output: Rows;
  scores: Rows;
}

export class CpuDense implements DenseDevice {
  readonly numericsClass: string;
  /** A position's bits depend neither on its chunk nor on its batch. */
  readonly minPrefillRows = 1;
  readonly kv: KvShape;
  readonly #parts: CpuDenseParts;
  readonly #rotations: RotationTable;
  readonly #steps = new WeakMap<readonly Span[], StepBuffers>();
  #cache: KeyValueCache | undefined;

  constructor(parts: CpuDenseParts) {
    this.numericsClass = parts.numericsClass;
    this.kv = cpuKvShape(parts.config);
    this.#parts = parts;
    this.#rotations = new RotationTable(parts.config);
  }

  allocate(blocks: number): void {
    const { kernels, config } = this.#parts;
    this.#cache = kernels.cache(blocks, config.layers, config.kvHeads, config.headDim);
  }

  get pages(): KvPages {
    const { kernels } = this.#parts;
    const cache = this.#memory;
    return {
      blockBytes: cache.pageBytes,
      read(block) {
        const bytes = new Uint8Array(cache.pageBytes);
        kernels.readPage(cache, block, bytes);
        return bytes;
      },
      write: (block, bytes) => kernels.writePage(cache, block, bytes),
    };
  }

  /** Nothing to do: a sequence has no state except its blocks. */
  open(): void {}

  close(): void {}

  embed(ids: Int32Array): Rows {
    const { kernels, config, embedding } = this.#parts;
    const rows = new Float32Array(ids.length * config.hidden);
    kernels.readRows(embedding, ids, rows);
    return rows;
  }

  async layer(layer: number, hidden: Rows, spans: readonly Span[]): Promise<LayerOutput> {
    const { kernels, config, layers, head } = this.#parts;
    const { heads, headDim, normEps, experts } = config;
    const rows = hidden.length / config.hidden;
    const weights = layers[layer]!;
    const step = this.#buffers(spans, rows);
    const { x, q, k, v, attended, output, scores } = step;

    kernels.rmsnorm(hidden, weights.inputNorm, normEps, x, rows);
    kernels.product(x, rows, [weights.q, weights.k, weights.v], [q, k, v]);
    // The next kernels read little, so idle threads read the weights that are multiplied after them.
    kernels.warm([weights.o], weights.router);
    kernels.rotate(
      step.spans,
      layer,
      q,
      k,
      v,
      step.cos,
      step.sin,
      heads,
      weights.qNorm,
      weights.kNorm,
      normEps,
    );
    kernels.attention(step.spans, layer, q, heads, 1 / Math.sqrt(headDim), attended);
    kernels.product(attended, rows, [weights.o], [output]);
    kernels.addRmsnorm(hidden, output, weights.outputNorm, normEps, hidden, x, rows);
    kernels.scores(x, weights.router, experts, config.hidden, scores, rows);
    const next = layers[layer + 1];
    if (rows <= FEW_ROWS) kernels.warm(next === undefined ? [head] : [next.q, next.k, next.v, next.o]);
    return { residual: hidden, x, scores };
  }

  async head(rows: Rows, into?: Rows): Promise<Rows> {
    const { kernels, config, norm, head } = this.#parts;
    const count = rows.length / config.hidden;
    const normed = new Float32Array(rows.length);
    const length = count * config.vocab;
    const fits = into !== undefined && into.length >= length;
    const logits = fits ? into.subarray(0, length) : new Float32Array(length);
    kernels.rmsnorm(rows, norm, config.normEps, normed, count);
    kernels.product(normed, count, [head], [logits]);
    return logits;
  }

  async dispose(): Promise<void> {
    this.#cache = undefined;
  }

  get #memory(): KeyValueCache {
    if (this.#cache === undefined) throw new Error('no KV memory was allocated');
    return this.#cache;
  }

  #buffers(spans: readonly Span[], rows: number): StepBuffers {
    const known = this.#steps.get(spans);
    if (known !== undefined) return known;
    const { kernels, config } = this.#parts;
    const { hidden, heads, kvHeads, headDim, experts } = config;
    const half = headDim / 2;
    const cos = new Float32Array(rows * half);
    const sin = new Float32Array(rows * half);
    const table = new Int32Array(spans.length * 4);
    const pages: number[] = [];
    let row = 0;
    for (const [index, { start, count, blocks }] of spans.entries()) {
      table.set([pages.length, blocks.length, start, count], index * 4);
      pages.push(...blocks);
      this.#rotations.fill(cos, sin, row, start, count);
      row += count;
    }
    if (row !== rows) throw new Error(`spans name ${row} rows, the step has ${rows}`);
    const buffers: StepBuffers = {
      spans: kernels.spans(this.#memory, Int32Array.from(pages), table),
      cos,
      sin,
      x: new Float32Array(rows * hidden),
      q: new Float32Array(rows * heads * headDim),
      k: new Float32Array(rows * kvHeads * headDim),
      v: new Float32Array(rows * kvHeads * headDim),
      attended: new Float32Array(rows * heads * headDim),
      output: new Float32Array(rows * hidden),
      scores: new Float32Array(rows * experts),
    };
    this.#steps.set(spans, buffers);
    return buffers;
  }
}
