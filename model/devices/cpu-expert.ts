// The expert device on our own CPU kernels: experts computed on as they lie in the mapped bundle. Nothing is loaded but
// what is touched.
import type { ExpertMatrices, Kernels } from '../../kernels/kernels.ts';
import type { ModelConfig } from '../config.ts';
import type { Rows } from './dense.ts';
import type { ExpertDevice, ExpertGroup, LoadOptions, Unit } from './expert.ts';

export interface CpuExpertSource {
  config: ModelConfig;
  kernels: Kernels;
  numericsClass: string;
  /** The matrices in the mapped file. */
  expert(unit: Unit): ExpertMatrices;
  mapIn(unit: Unit): void;
}

export function createCpuExperts(source: CpuExpertSource): ExpertDevice {
  return new CpuExperts(source);
}

class CpuExperts implements ExpertDevice {
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
      if (!this.#experts.has(this.#key(unit))) this.#experts.set(this.#key(unit), this.#source.expert(unit));
      onLoaded?.(unit, index + 1, units.length);
    }
  }

  async unload(units: readonly Unit[]): Promise<void> {
    for (const unit of units) this.#experts.delete(this.#key(unit));
  }

  async run(layer: number, groups: readonly ExpertGroup[]): Promise<Rows[]> {
    const { kernels, config } = this.#source;
    const experts = groups.map(({ expert }) => {
      const matrices = this.#experts.get(this.#key({ layer, expert }));
      if (matrices === undefined) throw new Error(`expert ${expert} of layer ${layer} is not loaded`);
      return matrices;
    });
    const counts = Int32Array.from(groups, ({ rows }) => rows.length / config.hidden);
    const x = groups.length === 1 ? groups[0]!.rows : joined(groups);
    const y = new Float32Array(x.length);
    kernels.experts(x, experts, counts, y);
    let at = 0;
    return groups.map(({ rows }) => {
      at += rows.length;
      return y.subarray(at - rows.length, at);
    });
  }

  mapIn(unit: Unit): void {
    this.#source.mapIn(unit);
  }

  async dispose(): Promise<void> {
    this.#experts.clear();
  }

  #key({ layer, expert }: Unit): number {
    return layer * this.#source.config.experts + expert;
  }
}

function joined(groups: readonly ExpertGroup[]): Rows {
  const x = new Float32Array(groups.reduce((sum, { rows }) => sum + rows.length, 0));
  let at = 0;
  for (const { rows } of groups) {
    x.set(rows, at);
    at += rows.length;
  }
  return x;
}
