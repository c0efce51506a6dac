// The dense device on ONNX Runtime. One graph before attention and one after it compute all rows of a step. Attention itself
// runs for one sequence at a time, over a KV cache that is kept here.
import { type ModelConfig, rotaryDim } from '../../config/model-config.ts';
import { RotationTable } from '../../config/rope.ts';
import type { Session } from '../../onnx/runtime.ts';
import type { Matrix } from '../../tensor.ts';
import { readRow } from '../../tiles.ts';
import type { DenseDevice, KvShape, LayerOutput, Rows, Span } from '../dense.ts';
import { ortKvShape } from '../kv-shape.ts';
import { firstAttended, heatQueries, type LayerAttention, scaleBy } from '../layer-attention.ts';
import { KvCache, paddedHead, resizeHeads } from './kv.ts';

interface OrtDenseParts {
  config: ModelConfig;
  numericsClass: string;
  embedding: Matrix;
  layers: readonly OrtLayer[];
  head: Session;
}

/** The sessions of `attentionInput`, `attention` and `attentionOutput`. Layers with the same kind of attention share a session. */
export interface OrtLayer {
  input: Session;
  attention: Session;
  output: Session;
  rule: LayerAttention;
  /** `[heads]` */
  sinks: Float32Array | undefined;
  hasExperts: boolean;
}

const NO_ROWS: Rows = new Float32Array(0);

/** Most queries of one attention call. */
const QUERY_TILE = 16;

/**
 * Cuts a span's queries into calls of the attention operator. The operator cuts the queries of a call into tiles of its own, of
 * 2 * headDim queries, or fewer if the CPU's cache is small. It computes a tile of one query by another path, with other bits.
 * So no call may have more queries than the smallest tile, and only a span of one row may have a call with a single query.
 */
export function queryTiles(rows: number): { from: number; to: number }[] {
  const tiles: { from: number; to: number }[] = [];
  for (let from = 0; from < rows; ) {
    const left = rows - from;
    const count = left === QUERY_TILE + 1 ? QUERY_TILE - 1 : Math.min(left, QUERY_TILE);
    tiles.push({ from, to: from + count });
    from += count;
  }
  return tiles;
}

export class OrtDense implements DenseDevice {
  readonly numericsClass: string;
  /** Attention gives a query other bits if it is the only one in its call, so a prefill chunk must have at least two rows. */
  readonly minPrefillRows = 2;
  readonly kv: KvShape;
  readonly #parts: OrtDenseParts;
  readonly #config: ModelConfig;
  readonly #rotations: RotationTable;
  readonly #sequences = new Map<number, KvCache>();

  constructor(parts: OrtDenseParts) {
    this.numericsClass = parts.numericsClass;
    this.#parts = parts;
    this.#config = parts.config;
    this.#rotations = new RotationTable(parts.config);
    this.kv = ortKvShape(parts.config);
  }

  /** Nothing to do: each sequence has buffers of its own, and blocks are only counted. */
  allocate(): void {}

  open(sequence: number): void {
    if (this.#sequences.has(sequence)) throw new Error(`sequence ${sequence} is open already`);
    this.#sequences.set(sequence, new KvCache(this.#config));
  }

  close(sequence: number): void {
    if (!this.#sequences.delete(sequence)) throw new Error(`sequence ${sequence} is not open`);
  }

  embed(ids: Int32Array): Rows {
    const { hidden, vocab } = this.#config;
    const rows = new Float32Array(ids.length * hidden);
    for (const [row, id] of ids.entries()) {
      if (id < 0 || id >= vocab) throw new RangeError(`token id ${id} is outside the vocabulary of ${vocab}`);
      readRow(this.#parts.embedding, id, rows, row * hidden);
    }
    scaleBy(rows, this.#config.multipliers?.embedding ?? 1);
    return rows;
  }

  async layer(layer: number, hidden: Rows, spans: readonly Span[]): Promise<LayerOutput> {
    const { hidden: width, heads, headDim } = this.#config;
    const count = hidden.length / width;
    const { input, output, rule, hasExperts } = this.#parts.layers[layer]!;
    const { cos, sin } = this.#rotationsOf(spans, count);
    const half = this.#half;
    const row = BigInt64Array.from({ length: count }, (_, i) => BigInt(i));
    const [q, k, v] = (await input.run(
      {
        hidden: { data: hidden, shape: [count, width] },
        cos: { data: cos, shape: [count, half] },
        sin: { data: sin, shape: [count, half] },
        row: { data: row, shape: [1, count] },
      },
      ['q', 'k', 'v'],
    )) as [Rows, Rows, Rows];

    const queryWidth = heads * headDim;
    if (rule.temperature !== undefined) heatQueries(q, queryWidth, spans, rule.temperature);
    const attended = new Float32Array(count * queryWidth);
    let first = 0;
    for (const { sequence, start, count: rows } of spans) {
      const cache = this.#cacheOf(sequence);
      cache.append(layer, start, k, v, first, rows);
      for (const { from, to } of queryTiles(rows)) {
        const queries = q.subarray((first + from) * queryWidth, (first + to) * queryWidth);
        attended.set(
          await this.#attend(cache, layer, queries, start + from, to - from),
          (first + from) * queryWidth,
        );
      }
      first += rows;
    }

    const [residual, x = NO_ROWS, scores = NO_ROWS] = (await output.run(
      {
        attended: { data: attended, shape: [count, queryWidth] },
        hidden: { data: hidden, shape: [count, width] },
      },
      hasExperts ? ['residual', 'x', 'scores'] : ['residual'],
    )) as [Rows, Rows?, Rows?];
    return { residual, x, scores };
  }

  async head(rows: Rows): Promise<Rows> {
    const { hidden } = this.#config;
    const [logits] = (await this.#parts.head.run(
      { rows: { data: rows, shape: [rows.length / hidden, hidden] } },
      ['logits'],
    )) as [Rows];
    return logits;
  }

  async dispose(): Promise<void> {
    const { layers, head } = this.#parts;
    for (const { input, output } of layers) {
      await input.release();
      await output.release();
    }
    await head.release();
    for (const attention of new Set(layers.map((layer) => layer.attention))) await attention.release();
    this.#sequences.clear();
  }

  async #attend(cache: KvCache, layer: number, q: Rows, start: number, count: number): Promise<Rows> {
    const { heads, kvHeads, headDim } = this.#config;
    const { attention, rule, sinks } = this.#parts.layers[layer]!;
    const { keys, values, capacity } = cache.layer(layer);
    const positions = start + count;
    const wide = paddedHead(headDim);
    const shape = [1, kvHeads, capacity, wide];
    const [out] = (await attention.run(
      {
        q: { data: resizeHeads(q, headDim, wide), shape: [1, count, heads * wide] },
        keys: { data: keys, shape },
        values: { data: values, shape },
        last: { data: Int32Array.of(positions - 1), shape: [1] },
        positions: { data: Int32Array.of(positions), shape: [] },
        ...(isMasked(rule) && {
          mask: { data: maskOf(rule, start, count), shape: [1, 1, count, positions] },
        }),
        ...(sinks !== undefined && { sinks: { data: sinks, shape: [heads] } }),
      },
      ['out'],
    )) as [Rows];
    return resizeHeads(out, wide, headDim);
  }

  /** Half of the values of a head that are rotated in layers with rotary positions. */
  get #half(): number {
    return rotaryDim(this.#config) / 2;
  }

  #rotationsOf(spans: readonly Span[], count: number): { cos: Rows; sin: Rows } {
    const cos = new Float32Array(count * this.#half);
    const sin = new Float32Array(count * this.#half);
    let row = 0;
    for (const span of spans) {
      this.#rotations.fill(cos, sin, row, span.start, span.count);
      row += span.count;
    }
    if (row !== count) throw new Error(`spans name ${row} rows, the step has ${count}`);
    return { cos, sin };
  }

  #cacheOf(sequence: number): KvCache {
    const cache = this.#sequences.get(sequence);
    if (cache === undefined) throw new Error(`sequence ${sequence} is not open`);
    return cache;
  }
}

/** Whether a position attends to less than all positions before it. */
export function isMasked({ window, chunk }: LayerAttention): boolean {
  return window > 0 || chunk > 0;
}

/** `[count, start + count]`: -infinity for the positions to which a query does not attend, otherwise 0. */
function maskOf(rule: LayerAttention, start: number, count: number): Rows {
  const positions = start + count;
  const mask = new Float32Array(count * positions);
  for (let row = 0; row < count; row++) {
    const first = firstAttended(start + row, rule);
    mask.fill(Number.NEGATIVE_INFINITY, row * positions, row * positions + first);
  }
  return mask;
}
