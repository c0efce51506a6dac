// An expert device over a mapped bundle that is still being read ahead. A run first reads and checks those of its experts that
// are not in memory yet. It does not wait for other experts.
import type { ExpertMatrices } from '../../kernels/kernels.ts';
import type { Bundle } from '../bundle/bundle.ts';
import type { ModelConfig } from '../config/config.ts';
import type { Serving } from '../reading/traffic.ts';
import type { Rows } from './dense.ts';
import { type LoadOptions, type MappedExperts, type Unit, unitKey } from './expert.ts';

/** Parallel reads are faster on most disks, but each read keeps one expert's bytes in memory until they are checked. */
const READS_AT_ONCE = 4;

interface ReadFirstOptions {
  bundle: Pick<Bundle, 'readExpert'> & { config: Pick<ModelConfig, 'expertsPerToken' | 'experts'> };
  device: MappedExperts;
  /** The units that are read ahead. */
  units: readonly Unit[];
  /** By index in `units`: 1 if a thread has found the unit's bytes sound. */
  sound: Uint8Array<SharedArrayBuffer>;
  serving: Serving;
  /** Called when a unit that a run waits for does not match its hash. That run fails. */
  onDamaged: (error: Error) => void;
}

export class ReadFirst implements MappedExperts {
  readonly numericsClass: string;
  readonly #options: ReadFirstOptions;
  readonly #experts: number;
  /** By unit key: -1 if the unit is known to be in memory, otherwise the unit's index in `units`. */
  readonly #away: Int32Array;
  /** Number of units that are not known to be in memory. */
  #left: number;

  constructor(options: ReadFirstOptions) {
    const { device, bundle, units } = options;
    this.numericsClass = device.numericsClass;
    this.#options = options;
    this.#experts = bundle.config.experts;
    this.#away = new Int32Array(bundle.config.expertsPerToken.length * this.#experts).fill(-1);
    for (const [index, unit] of units.entries()) this.#away[unitKey(unit, this.#experts)] = index;
    this.#left = units.length;
  }

  load(units: readonly Unit[], options?: LoadOptions): Promise<void> {
    return this.#options.device.load(units, options);
  }

  unload(units: readonly Unit[]): Promise<void> {
    return this.#options.device.unload(units);
  }

  run(layer: number, x: Rows, asks: Uint16Array): Promise<Rows> {
    const { device, serving } = this.#options;
    if (this.#left === 0) return device.run(layer, x, asks);
    serving.ran();
    const missing = this.#missing(layer, asks);
    if (missing.length === 0) return device.run(layer, x, asks);
    return this.#read(missing).then(() => device.run(layer, x, asks));
  }

  /** Undefined until every unit is in memory, because reading ahead gives way only to runs of this device. */
  matrices(unit: Unit): ExpertMatrices | undefined {
    return this.#left === 0 ? this.#options.device.matrices?.(unit) : undefined;
  }

  /** To be called when the unit's bytes are in memory and sound. */
  mapIn(unit: Unit): void {
    this.#arrived(unit);
    this.#options.device.mapIn(unit);
  }

  isResident(unit: Unit): boolean {
    return this.#options.device.isResident(unit);
  }

  dispose(): Promise<void> {
    return this.#options.device.dispose();
  }

  #missing(layer: number, asks: Uint16Array): Unit[] {
    const missing = new Map<number, Unit>();
    for (let i = 1; i < asks.length; i += 2) {
      const unit = { layer, expert: asks[i]! };
      const index = this.#away[unitKey(unit, this.#experts)];
      if (index === undefined || index < 0) continue;
      if (this.isResident(unit)) this.#arrived(unit);
      else missing.set(index, unit);
    }
    return [...missing.values()];
  }

  async #read(units: readonly Unit[]): Promise<void> {
    const { serving, onDamaged } = this.#options;
    const waiting = [...units];
    const lane = async () => {
      for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) await this.#readOne(unit);
    };
    serving.reads();
    try {
      await Promise.all(Array.from({ length: READS_AT_ONCE }, lane));
    } catch (error) {
      onDamaged(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      serving.hasRead();
    }
  }

  async #readOne(unit: Unit): Promise<void> {
    const { bundle, sound } = this.#options;
    const index = this.#away[unitKey(unit, this.#experts)];
    await bundle.readExpert(unit);
    if (index !== undefined && index >= 0) Atomics.store(sound, index, 1);
    this.#arrived(unit);
  }

  #arrived(unit: Unit): void {
    const key = unitKey(unit, this.#experts);
    if ((this.#away[key] ?? -1) < 0) return;
    this.#away[key] = -1;
    this.#left--;
  }
}
