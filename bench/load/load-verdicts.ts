// Judges the results of a load run. Pure.
import { percentile, sum } from '../statistics.ts';
import type { ProbeReport } from './probe.ts';

export interface LoadFindings {
  seconds: number;
  tokens: number;
  /** Requests with a complete answer, and requests that their client left. */
  whole: number;
  left: number;
  /** Number of errors by kind: the HTTP status and the error's `code`, or how the connection failed. */
  errors: Readonly<Record<string, number>>;
  health: ProbeReport;
  /** The page /metrics after the run. */
  metrics: string;
  /** 99th percentile of the delay of the clients' event loop. It does not affect the figures of /health. Milliseconds. */
  clientLagP99: number;
  /** Share of all cores that other processes used during the run (0–1). */
  othersShare: number;
}

interface LoadFigures {
  /** Tokens a second of all clients together. */
  tokens: number;
  requests: number;
  left: number;
  /** Answers with status 429, which are not counted in `errors`. */
  refused: number;
  errors: number;
  /** Percentiles of the latency of /health and of the API's own time for a request. Milliseconds. */
  healthP50: number;
  healthP99: number;
  healthMax: number;
  overheadP50: number;
  overheadP99: number;
  clientLagP99: number;
  othersShare: number;
}

const HEALTH_P99_MS = 50;
const OVERHEAD_P50_MS = 2;

export function loadFigures(found: LoadFindings): LoadFigures {
  const { seconds, tokens, whole, left, errors, health, metrics, clientLagP99, othersShare } = found;
  const refused = sum(Object.entries(errors).map(([kind, times]) => (kind.startsWith('429 ') ? times : 0)));
  const overhead = histogram(metrics, 'expertgrid_api_overhead_seconds');
  return {
    tokens: tokens / seconds,
    requests: whole,
    left,
    refused,
    errors: sum(Object.values(errors)) - refused + health.failures.length,
    healthP50: percentile(health.times, 0.5),
    healthP99: percentile(health.times, 0.99),
    healthMax: percentile(health.times, 1),
    overheadP50: 1000 * quantile(overhead, 0.5),
    overheadP99: 1000 * quantile(overhead, 0.99),
    clientLagP99,
    othersShare,
  };
}

/** A figure of NaN (nothing was measured) fails. */
export function loadVerdicts({
  errors,
  healthP99,
  overheadP50,
}: LoadFigures): { name: string; ok: boolean }[] {
  return [
    { name: 'no error but 429', ok: errors === 0 },
    { name: `p99 of /health below ${HEALTH_P99_MS} ms`, ok: healthP99 < HEALTH_P99_MS },
    {
      name: `p50 of the API's overhead below ${OVERHEAD_P50_MS} ms a request`,
      ok: overheadP50 < OVERHEAD_P50_MS,
    },
  ];
}

/**
 * Buckets of a Prometheus histogram, summed over all labels but `le`: upper bound → number of values up to that bound.
 * Bounds ascend; the last is Infinity.
 */
export function histogram(page: string, name: string): Map<number, number> {
  const buckets = new Map<number, number>();
  for (const [, bound = '', count] of page.matchAll(
    new RegExp(`^${name}_bucket\\{(?:.*,)?le="([^"]+)".*\\} (\\S+)$`, 'gm'),
  )) {
    const upper = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    buckets.set(upper, (buckets.get(upper) ?? 0) + Number(count));
  }
  return new Map([...buckets].sort(([a], [b]) => a - b));
}

/**
 * Computes what Prometheus' histogram_quantile does: it assumes that the values of a bucket are spread evenly. For the last
 * bucket, it returns the lower bound. NaN if there are no values.
 */
export function quantile(buckets: ReadonlyMap<number, number>, p: number): number {
  const total = [...buckets.values()].at(-1) ?? 0;
  if (total === 0) return Number.NaN;
  const rank = p * total;
  let [lower, below] = [0, 0];
  for (const [upper, count] of buckets) {
    if (count >= rank && count > below) {
      if (upper === Number.POSITIVE_INFINITY) return lower;
      return lower + ((upper - lower) * (rank - below)) / (count - below);
    }
    [lower, below] = [upper, count];
  }
  return lower;
}
