// What `node bench/capacity/calibrate.ts` has measured on one machine for one model. All times are microseconds of CPU time of one
// thread, unless a comment says otherwise.
import measured from './calibration.json' with { type: 'json' };
import type { ModelShape } from './shape.ts';

export interface Calibration {
  machine: string;
  date: string;
  commit: string;
  model: ModelShape;
  /** The thread of a gateway's engine. */
  engine: EngineCosts;
  /** All other threads of a gateway: HTTP, text, and what Node does beside. */
  api: ApiCosts;
  shard: ShardCosts;
  /** The program that sends the requests. It counts only where it shares the machine. */
  client: { stepUs: number; tokenUs: number };
  /** Elapsed time of a hop of one row in which no thread computes: waking both sides. */
  hopUs: number;
  /** What one thread of the kernels reaches at shapes that no cache holds. */
  kernels: { multiplyAddsPerUs: number; bytesPerUs: number };
  /** Proportional set size of one process under load. */
  memory: { gatewayMiB: number; shardMiB: number };
  /** The sizes of the fleets that were measured, with one gateway each. A comparison must not use them again. */
  points: readonly { shards: number; streams: number }[];
}

export interface EngineCosts {
  /** Of a step, whatever its rows. */
  stepUs: number;
  /** Of a decode row, and of a prefill row. */
  rowUs: number;
  promptRowUs: number;
  /** Of a frame to a shard. */
  frameUs: number;
  /** Of a row over one earlier position. */
  positionUs: number;
}

export interface ApiCosts {
  requestUs: number;
  promptTokenUs: number;
  /** Of a step that has tokens for clients. */
  stepUs: number;
  tokenUs: number;
}

export interface ShardCosts {
  frameUs: number;
  /** Of a row on one expert. */
  rowUs: number;
  /** Of an expert that a frame has rows for. */
  expertUs: number;
}

export const calibration: Calibration = measured;
