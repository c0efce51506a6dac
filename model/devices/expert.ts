// The interface of expert devices, which compute SwiGLU experts by (layer, expert).
//
// Worked example in layer 2: rows 0 and 1 of x [2, d] for expert 3, and row 0 for expert 17 as well:
//   await device.load([{ layer: 2, expert: 3 }, { layer: 2, expert: 17 }])
//   y = await device.run(2, x, Uint16Array.of(0, 3,  0, 17,  1, 3))       // [3, d]: y3(x0), y17(x0), y3(x1)
import type { ExpertMatrices } from '../../kernels/kernels.ts';
import type { Rows } from './dense.ts';

/** One expert of one layer. Shards hold, load and move whole units. */
export interface Unit {
  layer: number;
  expert: number;
}

/** A number for the unit in a model with `experts` experts in each layer. */
export function unitKey({ layer, expert }: Unit, experts: number): number {
  return layer * experts + expert;
}

export interface LoadOptions {
  signal?: AbortSignal;
  onLoaded?: (unit: Unit, done: number, total: number) => void;
}

export interface ExpertDevice {
  readonly numericsClass: string;
  /** Loads units from the bundle and checks their sizes. Skips units that are loaded already. */
  load(units: readonly Unit[], options?: LoadOptions): Promise<void>;
  unload(units: readonly Unit[]): Promise<void>;
  /**
   * `down(silu(gate x) * up x)` for each of `asks [m, 2]`, which are pairs (row of x, expert). Returns `[m, hidden]` in the order
   * of `asks`, not weighted. `x [n, hidden]` is normed. Each expert runs once over all its rows.
   */
  run(layer: number, x: Rows, asks: Uint16Array): Promise<Rows>;
  /** The unit's matrices in the CPU kernels, if the device computes on them; undefined if the unit is not loaded. */
  matrices?(unit: Unit): ExpertMatrices | undefined;
  dispose(): Promise<void>;
}

/** A device that computes on the mapped file. Its `load` reads nothing and checks no hash. */
export interface MappedExperts extends ExpertDevice {
  /** Maps a unit into memory. To be called when its bytes have been read and checked (model/reading/read-ahead.ts). */
  mapIn(unit: Unit): void;
  /** Whether all bytes of a unit are in memory. A run of the unit then reads nothing from disk. */
  isResident(unit: Unit): boolean;
}

export function isMapped(device: ExpertDevice): device is MappedExperts {
  return 'mapIn' in device && 'isResident' in device;
}

/** Maps the units into memory if the device computes on the mapped file. */
export function mapInUnits(device: ExpertDevice, units: readonly Unit[]): void {
  if (isMapped(device)) for (const unit of units) device.mapIn(unit);
}
