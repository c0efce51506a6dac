// Token buckets: how much of a minute's allowance is there, whether a request may take its part, and when it may. Pure:
// time is given, in milliseconds on any clock that does not go back; a clock that does refills nothing.

/** A minute's allowance: a bucket holds it whole at most, and is filled evenly. */
const MINUTE_MS = 60_000;

/** Rounding of a part of a unit must not refuse what was promised for now. */
const ROUNDING = 1e-6;

export interface Bucket {
  /** Units there were at `atMs`; below 0 where more was taken afterwards than was asked for. */
  level: number;
  atMs: number;
}

export interface Reading {
  limit: number;
  /** Whole units that may be taken now. */
  remaining: number;
  /** Until the bucket is full. */
  resetMs: number;
}

export function fullBucket(perMinute: number, nowMs: number): Bucket {
  return { level: perMinute, atMs: nowMs };
}

/** The bucket as it is now. Another limit than before counts from now on. */
export function filled({ level, atMs }: Bucket, perMinute: number, nowMs: number): Bucket {
  const passed = Math.max(0, nowMs - atMs);
  return {
    level: Math.min(perMinute, level + (passed * perMinute) / MINUTE_MS),
    atMs: Math.max(atMs, nowMs),
  };
}

/** Milliseconds until `amount` may be taken, 0: now; Infinity where the bucket never holds so much. */
export function waitFor(bucket: Bucket, amount: number, perMinute: number, nowMs: number): number {
  if (amount > perMinute) return Number.POSITIVE_INFINITY;
  const missing = amount - filled(bucket, perMinute, nowMs).level;
  return missing <= ROUNDING ? 0 : Math.ceil((missing * MINUTE_MS) / perMinute);
}

/** Without asking: what was generated has been generated. */
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
