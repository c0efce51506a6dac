// The expert device on ONNX Runtime's WebGPU provider. Experts are in slots of GPU memory. One run of `QMoE` nodes computes up
// to `MOST_ROWS` rows of a layer.
import type { ModelConfig } from '../../config/config.ts';
import {
  type Feed,
  type OpenSessionOptions,
  openResidentSession,
  openSession,
  type Resident,
  type ResidentSession,
  type Session,
} from '../../onnx/runtime.ts';
import { type SlotShape, slotFeeds, slotRows, slotShape, slotTensors, upload } from '../../onnx/slots.ts';
import type { ExpertWeights } from '../../tensor.ts';
import type { Rows } from '../dense.ts';
import { type ExpertDevice, type LoadOptions, type Unit, unitKey } from '../expert.ts';
import { Slots } from './slots.ts';

/** Most rows of one run of a graph. A layer with more rows takes several runs. */
const MOST_ROWS = 16;

interface GpuExpertSource {
  config: ModelConfig;
  /** Bits of one weight in a slot. */
  bits: number;
  numericsClass: string;
  sessions: OpenSessionOptions;
  readExpert(unit: Unit): Promise<ExpertWeights>;
}

/**
 * A slot contains one expert's weights. With its float32 scales, a weight takes 5 bits in a 4-bit bundle and 9 bits in a 6- or
 * 8-bit one. `load` fills a new slot and then enters it in the table. `unload` removes a slot from the table. A run keeps the slots
 * that it started with, and a removed slot is freed when no run uses it any more. So replacing an expert pauses no run, but
 * needs memory for two copies of it. The graphs contain no weights. There is one graph for each number of rows, which serves all
 * layers and is made when that number first occurs.
 */
export class GpuExperts implements ExpertDevice {
  readonly numericsClass: string;
  readonly #source: GpuExpertSource;
  readonly #shape: SlotShape;
  readonly #slots = new Slots<readonly Resident[]>(async (tensors) => {
    for (const tensor of tensors) tensor.dispose();
  });
  readonly #graphs = new Map<number, Promise<Session>>();
  #upload: Promise<ResidentSession> | undefined;

  constructor(source: GpuExpertSource) {
    this.numericsClass = source.numericsClass;
    this.#source = source;
    this.#shape = slotShape(source.config, source.bits);
  }

  async load(units: readonly Unit[], { signal, onLoaded }: LoadOptions = {}): Promise<void> {
    this.#upload ??= openResidentSession(upload(this.#shape), this.#source.sessions);
    const carrier = await this.#upload;
    for (const [index, unit] of units.entries()) {
      signal?.throwIfAborted();
      if (!this.#slots.has(this.#key(unit))) {
        const feeds = slotFeeds(await this.#source.readExpert(unit), this.#shape);
        const kept = slotTensors.map((name) => `${name}.kept`);
        await this.#slots.put(this.#key(unit), await carrier.run(feeds, kept));
      }
      onLoaded?.(unit, index + 1, units.length);
    }
  }

  async unload(units: readonly Unit[]): Promise<void> {
    for (const unit of units) await this.#slots.drop(this.#key(unit));
  }

  run(layer: number, x: Rows, asks: Uint16Array): Promise<Rows> {
    const { hidden } = this.#source.config;
    const count = asks.length / 2;
    const experts = Array.from({ length: count }, (_, ask) => asks[2 * ask + 1]!);
    const keys = experts.map((expert) => this.#key({ layer, expert }));
    return this.#slots.using(keys, async (held) => {
      const rows = held.map((slot, ask) => {
        if (slot === undefined) throw new Error(`expert ${experts[ask]} of layer ${layer} is not loaded`);
        const row = asks[2 * ask]!;
        return { slot, x: x.subarray(row * hidden, (row + 1) * hidden) };
      });
      const y = new Float32Array(count * hidden);
      for (let from = 0; from < count; from += MOST_ROWS) {
        await this.#runRows(rows.slice(from, from + MOST_ROWS), y.subarray(from * hidden));
      }
      return y;
    });
  }

  async dispose(): Promise<void> {
    await this.#slots.clear();
    for (const graph of this.#graphs.values()) await (await graph).release();
    await (await this.#upload)?.release();
    this.#graphs.clear();
    this.#upload = undefined;
  }

  /** Runs a graph over the rows and writes the answers to `y`, row after row. */
  async #runRows(rows: readonly { slot: readonly Resident[]; x: Rows }[], y: Rows): Promise<void> {
    const { hidden } = this.#source.config;
    const padded = this.#shape.hidden;
    const feeds: Record<string, Feed | Resident> = {};
    for (const [row, { slot, x }] of rows.entries()) {
      const data = new Float32Array(padded);
      data.set(x);
      feeds[`x.${row}`] = { data, shape: [1, padded] };
      for (const [i, tensor] of slot.entries()) feeds[`${slotTensors[i]}.${row}`] = tensor;
    }
    const graph = await this.#graph(rows.length);
    const [answers] = (await graph.run(feeds, ['y'])) as [Rows];
    for (let row = 0; row < rows.length; row++) {
      y.set(answers.subarray(row * padded, row * padded + hidden), row * hidden);
    }
  }

  #graph(rows: number): Promise<Session> {
    let graph = this.#graphs.get(rows);
    if (graph === undefined) {
      graph = openSession(slotRows(this.#shape, rows), this.#source.sessions);
      this.#graphs.set(rows, graph);
    }
    return graph;
  }

  #key(unit: Unit): number {
    return unitKey(unit, this.#source.config.experts);
  }
}
