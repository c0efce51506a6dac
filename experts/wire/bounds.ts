// Limits of one frame, and upper bounds of the numbers that a peer may state.

/** Limits of one frame. A shard states its limits in the hello. */
export interface FrameLimits {
  /** Most rows of one `expert.run`. */
  rows: number;
  /** Most (row, expert) pairs of one `expert.run`. Its answer has one row for each pair. */
  asks: number;
  frameBytes: number;
}

export const defaultLimits: FrameLimits = { rows: 64, asks: 512, frameBytes: 32 * 1024 * 1024 };

/** Upper bounds of numbers in a peer's messages: far above the numbers in use, far below numbers that would exhaust memory. */
export const most = {
  /** Features in one hello. */
  features: 16,
  models: 64,
  layers: 4_096,
  experts: 0x10000,
  /** Units of one model. */
  units: 2 ** 20,
  hidden: 2 ** 20,
  bits: 32,
  rows: 0xffff,
  asks: 2 ** 20,
  frameBytes: 2 ** 30,
  /** `runMs` or `queueMs` of one call: one day. */
  callMs: 86_400_000,
  memoryBytes: 2 ** 50,
  /** Characters of the name of a zone. */
  zone: 64,
} as const;
