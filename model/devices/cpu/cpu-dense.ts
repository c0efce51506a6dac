// The dense device on our own CPU kernels. It computes on the weights in the mapped bundle, and keeps keys and values in pages.
import type {
  AttentionOptions,
  ExpertMatrices,
  Kernels,
  KeyValueCache,
  QuantisedMatrix,
  StepSpans,
} from '../../../kernels/kernels.ts';
import { type ModelConfig, rotaryDim } from '../../config/model-config.ts';
import { RotationTable } from '../../config/rope.ts';
import type { DenseDevice, KvPages, KvShape, LayerOutput, Rows, Span } from '../dense.ts';
import type { LayerWeights, RoutedMlp } from '../dense-weights.ts';
import { cpuKvShape } from '../kv-shape.ts';
import { heatQueries, type LayerAttention, layerAttention, scaleBy } from '../layer-attention.ts';

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

const NO_ROWS: Rows = new Float32Array(0);

/** A layer's weights, its MLPs as the kernels take them, and the norms of q and k. */
interface CpuLayer {
  weights: LayerWeights<QuantisedMatrix>;
  rule: LayerAttention;
  /** Undefined if attention has no window, chunks or sinks, because to read an empty object takes time in every layer. */
  limits: AttentionOptions | undefined;
  qNorm: Float32Array | undefined;
  kNorm: Float32Array | undefined;
  /** The layer's MLP, or its shared expert. */
  mlp: ExpertMatrices | undefined;
}

export class CpuDense implements DenseDevice {
  readonly numericsClass: string;
  /** A position's bits depend neither on its chunk nor on its batch. */
  readonly minPrefillRows = 1;
  readonly kv: KvShape;
  readonly #parts: CpuDenseParts;
  readonly #layers: readonly CpuLayer[];
  /** `[hidden]`, the last norm times the factor on logits. */
  readonly #norm: Float32Array;
  readonly #rotations: RotationTable;
  readonly #steps = new WeakMap<readonly Span[], StepBuffers>();
  #cache: KeyValueCache | undefined;

  constructor(parts: CpuDenseParts) {
    this.numericsClass = parts.numericsClass;
    this.kv = cpuKvShape(parts.config);
    this.#parts = parts;
    this.#layers = parts.layers.map((weights, layer) => prepare(parts, weights, layer));
    this.#norm = parts.norm.map((weight) => weight * (parts.config.multipliers?.logits ?? 1));
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
    scaleBy(rows, config.multipliers?.embedding ?? 1);
    return rows;
  }

  async layer(layer: number, hidden: Rows, spans: readonly Span[]): Promise<LayerOutput> {
    const { kernels, config, head } = this.#parts;
    const rows = hidden.length / config.hidden;
    const { weights } = this.#layers[layer]!;
    const step = this.#buffers(spans, rows);
    this.#attend(layer, hidden, spans, step);
    const { x, output } = step;
    kernels.product(step.attended, rows, [weights.o], [output], weights.outputBias && [weights.outputBias]);
    scaleBy(output, config.multipliers?.residual ?? 1);
    kernels.addRmsnorm(hidden, output, weights.outputNorm, config.normEps, hidden, x, rows);
    const routed = weights.mlp.kind === 'routed' ? weights.mlp : undefined;
    if (routed !== undefined) this.#score(routed, step, rows);
    this.#addMlp(layer, hidden, routed?.sharedGate, step, rows);
    const next = this.#layers[layer + 1]?.weights;
    if (rows <= FEW_ROWS) kernels.warm(next === undefined ? [head] : [next.q, next.k, next.v, next.o]);
    if (routed === undefined) return { residual: hidden, x: NO_ROWS, scores: NO_ROWS };
    return { residual: hidden, x, scores: step.scores };
  }

  /** Writes the answers of the layer's attention heads to `attended`. */
  #attend(layer: number, hidden: Rows, spans: readonly Span[], step: StepBuffers): void {
    const { kernels, config } = this.#parts;
    const { heads, headDim, normEps } = config;
    const { weights, rule, limits, qNorm, kNorm } = this.#layers[layer]!;
    const { x, q, k, v, cos, sin } = step;
    const rows = hidden.length / config.hidden;
    const biases = weights.inputBiases;
    kernels.rmsnorm(hidden, weights.inputNorm, normEps, x, rows);
    kernels.product(
      x,
      rows,
      [weights.q, weights.k, weights.v],
      [q, k, v],
      biases && [biases.q, biases.k, biases.v],
    );
    // The next kernels read little, so idle threads read the weights that are multiplied after them.
    kernels.warm([weights.o], weights.mlp.kind === 'routed' ? weights.mlp.router : undefined);
    const { rotary, normLast } = rule;
    kernels.rotate(step.spans, layer, q, k, v, cos, sin, heads, qNorm, kNorm, normEps, rotary, normLast);
    if (rule.temperature !== undefined) heatQueries(q, heads * headDim, spans, rule.temperature);
    kernels.attention(step.spans, layer, q, heads, rule.scale, step.attended, limits);
  }

  #score({ router, routerBias }: RoutedMlp<QuantisedMatrix>, { x, scores }: StepBuffers, rows: number): void {
    const { kernels, config } = this.#parts;
    const { experts, hidden } = config;
    kernels.scores(x, router, experts, hidden, scores, rows);
    if (routerBias === undefined) return;
    for (let i = 0; i < rows * experts; i++) scores[i] = scores[i]! + routerBias[i % experts]!;
  }

  /** Adds the layer's MLP or its shared expert to the residual stream. */
  #addMlp(
    layer: number,
    residual: Rows,
    gate: Float32Array | undefined,
    { x, output }: StepBuffers,
    rows: number,
  ): void {
    const { kernels, config } = this.#parts;
    const { mlp } = this.#layers[layer]!;
    if (mlp === undefined) return;
    const factors = new Float32Array(rows).fill(config.multipliers?.residual ?? 1);
    kernels.experts(x, [mlp], Int32Array.of(rows), output);
    if (gate !== undefined) {
      const scores = new Float32Array(rows);
      kernels.scores(x, gate, 1, config.hidden, scores, rows);
      for (let row = 0; row < rows; row++) factors[row]! *= 1 / (1 + Math.exp(-scores[row]!));
    }
    kernels.combine(residual, output, factors, 1, config.hidden, rows);
  }

  async head(rows: Rows, into?: Rows): Promise<Rows> {
    const { kernels, config, head } = this.#parts;
    const count = rows.length / config.hidden;
    const normed = new Float32Array(rows.length);
    const length = count * config.vocab;
    const fits = into !== undefined && into.length >= length;
    const logits = fits ? into.subarray(0, length) : new Float32Array(length);
    kernels.rmsnorm(rows, this.#norm, config.normEps, normed, count);
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
    const half = rotaryDim(config) / 2;
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

function prepare(
  { config, kernels }: CpuDenseParts,
  weights: LayerWeights<QuantisedMatrix>,
  layer: number,
): CpuLayer {
  const rule = layerAttention(config, layer);
  const unit = rule.unitNorm ? new Float32Array(config.headDim).fill(1) : undefined;
  const { window, chunk } = rule;
  const isLimited = window > 0 || chunk > 0 || weights.sinks !== undefined;
  const { mlp } = weights;
  const beside = mlp.kind === 'dense' ? mlp.weights : mlp.shared;
  return {
    ...{ weights, rule, limits: isLimited ? { window, chunk, sinks: weights.sinks } : undefined },
    ...{ qNorm: weights.qNorm ?? unit, kNorm: weights.kNorm ?? unit },
    mlp: beside && kernels.expert(beside.gate, beside.up, beside.down),
  };
}
