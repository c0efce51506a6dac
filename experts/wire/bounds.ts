// Limits of a frame, and the most that a peer may state in any field.

/** What one frame may hold. */
export interface FrameLimits {
  /** Rows of one `expert.run`. */
  rows: number;
  /** (row, expert) pairs of one `expert.run`, so rows of its answer. */
  asks: number;
  frameBytes: number;
}

export const defaultLimits: FrameLimits = { rows: 64, asks: 512, frameBytes: 32 * 1024 * 1024 };

/** Bounds on what a peer states: far above what is in use, and far below what would harm this side. */
export const most = {
  /** Names in one hello. */
  features: 16,
  models: 64,
  layers: 4_096,
  experts: 0x10000,
  /** Of all layers. */
  units: 2 ** 20,
  hidden: 2 ** 20,
  bits: 32,
  rows: 0xffff,
  asks: 2 ** 20,
  frameBytes: 2 ** 30,
  /** Milliseconds. */
  callMs: 86_400_000,
  memoryBytes: 2 ** 50,
} as const;
