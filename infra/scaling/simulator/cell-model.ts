// What the simulator knows of a cell: the capacity, times and prices of its pods.

import type { Range } from '../scaler.ts';
import type { PodTimes } from './pods.ts';

interface PodKind extends PodTimes, Range {
  cores: number;
  memoryGiB: number;
}

export interface GatewayModel extends PodKind {
  /** Tokens a second that it generates if it computes no prompt. */
  decodePerSecond: number;
  /** Tokens of prompts a second if it generates nothing. */
  prefillPerSecond: number;
  /** Time of one token of a single sequence, without the hops. */
  tokenMs: number;
  /** Room of the KV cache, in tokens. */
  kvTokens: number;
  /** As `--max-sequences` and `--max-waiting`. */
  sequences: number;
  waiting: number;
  /** Calls that it has under way to a group: one for generated tokens and one for prompts. */
  callsAtOnce: number;
}

export interface GroupModel extends PodKind {
  name: string;
  /** Rows a second that one shard can compute. */
  rowsPerSecond: number;
  /** Time of a call if no other is under way. */
  callMs: number;
}

export interface Prices {
  coreHour: number;
  gibHour: number;
}

export interface CellModel {
  gateway: GatewayModel;
  groups: readonly GroupModel[];
  /** Hops of a token. */
  layers: number;
  /** Rows of a token in all hops: layers times experts of a token. */
  rowsPerToken: number;
  /** Part of the rows that each group gets at a second. The parts add up to 1. */
  heat: (second: number) => readonly number[];
  prices: Prices;
}

const LAYERS = 56;
const GROUPS = ['a', 'b', 'c', 'd'];
/** Rows a second of a shard with two cores. */
export const EXAMPLE_SHARD_ROWS = 12_000;
/** Part of its capacity that a shard should use. */
const WANTED_LOAD = 0.5;
/** Rows a second at which the rules add a shard of the example. */
export const EXAMPLE_TARGET_ROWS = WANTED_LOAD * EXAMPLE_SHARD_ROWS;

/**
 * A model of the size of Sigma-MoE-Tiny (56 layers, one expert a token) on CPUs. Its figures are round numbers near docs/benchmarks.md, and
 * its prices are examples: measure your own.
 */
export const exampleCell: CellModel = {
  gateway: {
    ...{ decodePerSecond: 150, prefillPerSecond: 400, tokenMs: 30, kvTokens: 9_000 },
    ...{ sequences: 64, waiting: 256, callsAtOnce: 2 },
    ...{ startSeconds: 45, drainSeconds: 50, min: 2, max: 24, cores: 4, memoryGiB: 6 },
  },
  groups: GROUPS.map((name) => ({
    ...{ name, rowsPerSecond: EXAMPLE_SHARD_ROWS, callMs: 0.4 },
    ...{ startSeconds: 60, drainSeconds: 30, min: 2, max: 16, cores: 2, memoryGiB: 4 },
  })),
  layers: LAYERS,
  rowsPerToken: LAYERS,
  heat: (second) => movingHeat(second, GROUPS.length),
  prices: { coreHour: 0.04, gibHour: 0.005 },
};

/** How much hotter than the mean the hottest group is, and how long the heat takes to go around. */
const HEAT_SWING = 0.5;
const HEAT_SECONDS = 5 * 3600;

/** The groups are hot one after another. */
export function movingHeat(second: number, groups: number): number[] {
  const angle = (i: number) => 2 * Math.PI * (second / HEAT_SECONDS + i / groups);
  return Array.from({ length: groups }, (_, i) => (1 + HEAT_SWING * Math.sin(angle(i))) / groups);
}
