// The fleets and loads that are measured. Those of the calibration and of the comparison have no point in common.

/** Tokens of the prompt of each stream. */
export const PROMPT = 32;

export interface Setup {
  gateways: number;
  shards: number;
  /** Streams of all gateways together, one load after another. */
  streams: readonly number[];
}

export const calibrated: readonly Setup[] = [
  { gateways: 1, shards: 1, streams: [1, 3, 6, 12, 24] },
  { gateways: 1, shards: 3, streams: [3, 12, 24] },
];

/** Tokens of the prompts that calibrate prefill, each sent this many times. */
export const calibratedPrompts = [64, 192, 768];
export const PROMPT_TIMES = 6;

export const compared: readonly Setup[] = [
  { gateways: 1, shards: 1, streams: [2, 4, 8, 16, 32] },
  { gateways: 1, shards: 2, streams: [1, 4, 8, 16, 32] },
  { gateways: 1, shards: 4, streams: [1, 4, 8, 16, 32] },
  { gateways: 1, shards: 8, streams: [1, 8, 32] },
  { gateways: 2, shards: 2, streams: [2, 8, 32] },
  { gateways: 3, shards: 4, streams: [3, 12, 30] },
];
