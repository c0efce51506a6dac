// The seam of an expert device: SwiGLU experts by (layer, expert). Knows rows of floats; no routing, no network.
//
// Worked example: experts 3 and 17 of layer 2, one row for the first and two for the second:
//   await device.load([{ layer: 2, expert: 3 }, { layer: 2, expert: 17 }])
//   [y3, y17] = await device.run(2, [{ expert: 3, rows: Float32Array [1 * d] }, { expert: 17, rows: [2 * d] }])
import type { Rows } from './dense.ts';

/** One expert of one layer: the unit that is placed, loaded and moved. */
export interface Unit {
  layer: number;
  expert: number;
}

export interface ExpertGroup {
  expert: number;
  /** Normed rows, `[n, hidden]`, n ≥ 1. */
  rows: Rows;
}

export interface LoadOptions {
  signal?: AbortSignal;
  onLoaded?: (unit: Unit, done: number, total: number) => void;
}

export interface ExpertDevice {
  readonly numericsClass: string;
  /** Loads units from the bundle, checking sizes; already loaded ones are left as they are. */
  load(units: readonly Unit[], options?: LoadOptions): Promise<void>;
  unload(units: readonly Unit[]): Promise<void>;
  /** Runs each group's expert once over its rows: `down(silu(gate x) * up x)`, not yet weighted. Same order out. */
  run(layer: number, groups: readonly ExpertGroup[]): Promise<Rows[]>;
  /**
   * Only of a device that computes on the mapped file, where `load` reads nothing and checks no hash: maps a unit in whose
   * bytes have been read and checked (model/read-ahead.ts).
   */
  mapIn?(unit: Unit): void;
  dispose(): Promise<void>;
}
