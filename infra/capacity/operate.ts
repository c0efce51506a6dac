// A cell at a rate: how many sequences run, how long steps take, and what a client sees.
import { type Limit, limitsOf, lowest, type Size } from './limits.ts';
import { allBusy, longCount, meanWait, waitExceeded } from './queues.ts';
import { apiUsOfRequest, type Plan, shardUsOfRequest, stepTimeUs } from './request.ts';
import { boundary } from './search.ts';

/** Milliseconds. */
export interface Spread {
  p50: number;
  p99: number;
}

export interface Operation {
  /** Requests a second of the cell. */
  rps: number;
  /** The rate, divided by the lowest rate at which a queue grows. 1 and more: it grows. */
  utilisation: number;
  fits: boolean;
  /** The part that breaks first, and when. */
  limit: Limit;
  /** Sequences that run at once in a gateway, on average. */
  running: number;
  /** Memory of keys and values that they use, in bytes. */
  kvBytes: number;
  /** Infinite if the cell does not keep up. */
  firstTokenMs: Spread;
  tokenMs: Spread;
}

const NEVER: Spread = { p50: Number.POSITIVE_INFINITY, p99: Number.POSITIVE_INFINITY };
/** If prefill takes a smaller share of the engine's time, fewer than one in a hundred tokens meet it. */
const NOTICEABLE = 0.01;
const ONE_PERCENT = 0.01;
const HALF = 0.5;

export function operate(plan: Plan, size: Size, rps: number): Operation {
  const limit = lowest(limitsOf(plan, size));
  const utilisation = rps / limit.rps;
  const common = { rps, utilisation, limit };
  const { slots, workload, subject } = plan;
  const positionsBytes = (workload.prompt + workload.answer / 2) * subject.shape.positionBytes;
  const running = utilisation < 1 ? runningAt(plan, size, rps) : undefined;
  if (running === undefined) {
    return {
      ...common,
      fits: false,
      running: slots,
      kvBytes: slots * positionsBytes,
      firstTokenMs: NEVER,
      tokenMs: NEVER,
    };
  }
  return {
    ...common,
    fits: true,
    running,
    kvBytes: running * positionsBytes,
    ...latencies(plan, size, rps, running),
  };
}

/**
 * Sequences of a gateway that run at once, by Little's law: rate x answer x time of a token, which itself grows with the number.
 * Undefined if that number is above the slots.
 */
function runningAt(plan: Plan, size: Size, rps: number): number | undefined {
  const { slots, workload } = plan;
  const rate = rps / size.gateways / 1e6;
  const needed = (running: number) => rate * workload.answer * meanTokenUs(plan, size, rps, running);
  if (needed(slots) >= slots) return undefined;
  return boundary(0, slots, (running) => needed(running) > running);
}

/** A sequence sees itself and, on average, all that run without it. */
function rowsAt({ slots }: Plan, running: number): number {
  return Math.min(slots, 1 + running);
}

function tokenUs(plan: Plan, size: Size, rps: number, rows: number): number {
  return stepTimeUs(plan, rows, (rps * shardUsOfRequest(plan, rows)) / size.replicas / 1e6);
}

/** Prefill takes its share of the engine's time from the steps of the others. */
export function meanTokenUs(plan: Plan, size: Size, rps: number, running: number): number {
  const share = prefillShare(plan, size, rps);
  return tokenUs(plan, size, rps, rowsAt(plan, running)) / Math.max(Number.MIN_VALUE, 1 - share);
}

function prefillShare({ prefill }: Plan, { gateways }: Size, rps: number): number {
  return ((rps / gateways) * prefill.elapsedUs) / 1e6;
}

function latencies(
  plan: Plan,
  size: Size,
  rps: number,
  running: number,
): { firstTokenMs: Spread; tokenMs: Spread } {
  const { slots, prefill } = plan;
  const rows = rowsAt(plan, running);
  const step = tokenUs(plan, size, rps, rows);
  const crowded = tokenUs(plan, size, rps, Math.min(slots, 1 + longCount(running)));
  const share = prefillShare(plan, size, rps);
  // A step in which prompts and tokens share the time takes at most twice as long (`--prefill-share even`).
  const longest = share > NOTICEABLE ? Math.min(2 * crowded, crowded + prefill.chunkUs) : crowded;
  const prompt = prefill.elapsedUs * (2 - Math.exp(-running));
  const api = apiUsOfRequest({ ...plan, workload: { ...plan.workload, answer: 1 } }, rows);
  const apiUse = ((rps / size.gateways) * apiUsOfRequest(plan, rows)) / 1e6;
  const residence = plan.workload.answer * meanTokenUs(plan, size, rps, running);
  const isFull = allBusy(slots, running);
  const free = slots - running;
  const waits = (exceeded: number) =>
    Math.max(0, (residence / free) * Math.log(isFull / exceeded)) +
    waitExceeded(share, prompt, exceeded) +
    waitExceeded(apiUse, api, exceeded);
  return {
    firstTokenMs: {
      p50: (waits(HALF) + prompt + step / 2 + api + meanWait(apiUse, api)) / 1000,
      p99: (waits(ONE_PERCENT) + prompt + longest + api) / 1000,
    },
    tokenMs: { p50: step / 1000, p99: longest / 1000 },
  };
}
