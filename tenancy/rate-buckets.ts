// Token buckets for limits per minute. A bucket contains the units (requests or tokens) that may be used now. It is refilled
// evenly. Times are in milliseconds by any monotonic clock. If the clock goes back, nothing is refilled.

/** A full bucket contains the units of one minute. */
const MINUTE_MS = 60_000;

/** Units that may be missing because of rounding. Otherwise a request could be refused at the retry time that it was given. */
const ROUNDING = 1e-6;

export interface Bucket {
  /** Units in the bucket at `atMs`. Below 0 if an answer took more units than the bucket had. */
  level: number;
  atMs: number;
}

export interface Reading {
  limit: number;
  /** Whole units that a request may take now. */
  remaining: number;
  /** Time until the bucket is full. */
  resetMs: number;
}

export function fullBucket(perMinute: number, nowMs: number): Bucket {
  return { level: perMinute, atMs: nowMs };
}

/** The bucket at `nowMs`, refilled at the rate `perMinute`. */
export function filled({ level, atMs }: Bucket, perMinute: number, nowMs: number): Bucket {
  const passed = Math.max(0, nowMs - atMs);
  return {
    level: Math.min(perMinute, level + (passed * perMinute) / MINUTE_MS),
    atMs: Math.max(atMs, nowMs),
  };
}

/** Milliseconds until `amount` may be taken. 0: now. Infinity: `amount` exceeds a full bucket. */
export function waitFor(bucket: Bucket, amount: number, perMinute: number, nowMs: number): number {
  if (amount > perMinute) return Number.POSITIVE_INFINITY;
  const missing = amount - filled(bucket, perMinute, nowMs).level;
  return missing <= ROUNDING ? 0 : Math.ceil((missing * MINUTE_MS) / perMinute);
}

/** Takes `amount` even if the bucket has less, because the tokens have already been generated. */
export function taken(bucket: Bucket, amount: number, perMinute: number, nowMs: number): Bucket {
  const { level, atMs } = filled(bucket, perMinute, nowMs);
  return { level: level - amount, atMs };
}

export function readBucket(bucket: Bucket, perMinute: number, nowMs: number): Reading {
  const { level } = filled(bucket, perMinute, nowMs);
  return {
    limit: perMinute,
    remaining: Math.max(0, Math.floor(level + ROUNDING)),
    resetMs: Math.max(0, Math.ceil(((perMinute - level) * MINUTE_MS) / perMinute)),
  };
}
