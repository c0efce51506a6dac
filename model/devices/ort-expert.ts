// The expert device on ONNX Runtime: one session an expert of a layer. Knows rows of floats; no routing, no network.
import type { ModelConfig } from '../config.ts';
import { expert as expertGraph } from '../onnx/graphs.ts';
import { openSession, type Session } from '../onnx/runtime.ts';
import type { ExpertWeights } from '../tensor.ts';
import type { Rows } from './dense.ts';
import type { ExpertDevice, ExpertGroup, LoadOptions, Unit } from './expert.ts';

export interface OrtExpertSource {
  config: ModelConfig;
  numericsClass: string;
  readExpert(unit: Unit): Promise<ExpertWeights>;
}

export function createOrtExperts(source: OrtExpertSource): ExpertDevice {
  return new OrtExperts(source);
}

class OrtExperts implements ExpertDevice {
  readonly numericsClass: string;
  readonly #source: OrtExpertSource;
  readonly #sessions = new Map<number, Session>();

  constructor(source: OrtExpertSource) {
    this.numericsClass = source.numericsClass;
    this.#source = source;
  }

  async load(units: readonly Unit[], { signal, onLoaded }: LoadOptions = {}): Promise<void> {
    for (const [index, unit] of units.entries()) {
      signal?.throwIfAborted();
      if (!this.#sessions.has(this.#key(unit))) {
        const weights = await this.#source.readExpert(unit);
        this.#sessions.set(this.#key(unit), await openSession(expertGraph(this.#source.config, weights)));
      }
      onLoaded?.(unit, index + 1, units.length);
    }
  }

  async unload(units: readonly Unit[]): Promise<void> {
    for (const unit of units) {
      const session = this.#sessions.get(this.#key(unit));
      this.#sessions.delete(this.#key(unit));
      await session?.release();
    }
  }

  async run(layer: number, groups: readonly ExpertGroup[]): Promise<Rows[]> {
    const { hidden } = this.#source.config;
    const answers: Rows[] = [];
    for (const { expert, rows } of groups) {
      const session = this.#sessions.get(this.#key({ layer, expert }));
      if (session === undefined) throw new Error(`expert ${expert} of layer ${layer} is not loaded`);
      const [y] = (await session.run({ x: { data: rows, shape: [rows.length / hidden, hidden] } }, [
        'y',
      ])) as [Rows];
      answers.push(y);
    }
    return answers;
  }

  async dispose(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
    this.#sessions.clear();
  }

  #key({ layer, expert }: Unit): number {
    return layer * this.#source.config.experts + expert;
  }
}
