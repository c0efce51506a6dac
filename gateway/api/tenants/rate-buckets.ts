// Token buckets: how much of a minute's allowance is left, and when a request may take its part. Times are milliseconds on any
// monotonic clock. A clock that goes back refills nothing.

/** A full bucket holds the allowance of one minute and is refilled evenly. */
const MINUTE_MS = 60_000;

/** A rounding error must not refuse a request at the time for which it was promised. */
const ROUNDING = 1e-6;

export interface Bucket {
  /** Units in the bucket at `atMs`. Below 0 after an answer took more than there was. */
  level: number;
  atMs: number;
}

export interface Reading {
  limit: number;
  /** Whole units that a request may take now. */
  remaining: number;
  /** Until the bucket is full. */
  resetMs: number;
}

export function fullBucket(perMinute: number, nowMs: number): Bucket {
  return { level: perMinute, atMs: nowMs };
}

/** The bucket at `nowMs`. A changed limit counts from now on. */
export function filled({ level, atMs }: Bucket, perMinute: number, nowMs: number): Bucket {
  const passed = Math.max(0, nowMs - atMs);
  return {
    level: Math.min(perMinute, level + (passed * perMinute) / MINUTE_MS),
    atMs: Math.max(atMs, nowMs),
  };
}

/** Milliseconds until `amount` may be taken. 0: now. Infinity: the bucket never holds so much. */
export function waitFor(bucket: Bucket, amount: number, perMinute: number, nowMs: number): number {
  if (amount > perMinute) return Number.POSITIVE_INFINITY;
  const missing = amount - filled(bucket, perMinute, nowMs).level;
  return missing <= ROUNDING ? 0 : Math.ceil((missing * MINUTE_MS) / perMinute);
}

/** Takes `amount` even if there is less, because the tokens have already been generated. */
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
