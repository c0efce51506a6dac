// The expert device on our own CPU kernels. It computes on the weights in the mapped bundle. The system reads a page from disk
// when a kernel first reads weights on that page.
import type { ExpertMatrices, Kernels } from '../../../kernels/kernels.ts';
import type { ModelConfig } from '../../config/config.ts';
import { sortAsks } from '../by-expert.ts';
import type { Rows } from '../dense.ts';
import { type LoadOptions, type MappedExperts, type Unit, unitKey } from '../expert.ts';
import type { MappedBundle } from './mapped.ts';

interface CpuExpertSource {
  config: ModelConfig;
  kernels: Kernels;
  numericsClass: string;
  mapped: Pick<MappedBundle, 'expert' | 'mapIn' | 'isResident'>;
}

export class CpuExperts implements MappedExperts {
  readonly numericsClass: string;
  readonly #source: CpuExpertSource;
  readonly #experts = new Map<number, ExpertMatrices>();

  constructor(source: CpuExpertSource) {
    this.numericsClass = source.numericsClass;
    this.#source = source;
  }

  async load(units: readonly Unit[], { signal, onLoaded }: LoadOptions = {}): Promise<void> {
    for (const [index, unit] of units.entries()) {
      signal?.throwIfAborted();
      const key = this.#key(unit);
      if (!this.#experts.has(key)) this.#experts.set(key, this.#source.mapped.expert(unit));
      onLoaded?.(unit, index + 1, units.length);
    }
  }

  async unload(units: readonly Unit[]): Promise<void> {
    for (const unit of units) this.#experts.delete(this.#key(unit));
  }

  async run(layer: number, x: Rows, asks: Uint16Array): Promise<Rows> {
    const { kernels, config } = this.#source;
    const { experts, counts, places } = sortAsks(asks);
    const matrices = experts.map((expert) => {
      const found = this.#experts.get(this.#key({ layer, expert }));
      if (found === undefined) throw new Error(`expert ${expert} of layer ${layer} is not loaded`);
      return found;
    });
    const y = new Float32Array((asks.length / 2) * config.hidden);
    kernels.experts(x, matrices, counts, y, places);
    return y;
  }

  matrices(unit: Unit): ExpertMatrices | undefined {
    return this.#experts.get(this.#key(unit));
  }

  mapIn(unit: Unit): void {
    this.#source.mapped.mapIn(unit);
  }

  isResident(unit: Unit): boolean {
    return this.#source.mapped.isResident(unit);
  }

  async dispose(): Promise<void> {
    this.#experts.clear();
  }

  #key(unit: Unit): number {
    return unitKey(unit, this.#source.config.experts);
  }
}
