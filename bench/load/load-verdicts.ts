// Judges the results of a load run. Pure.
import { percentile } from './soak-verdicts.ts';

export interface LoadFindings {
  seconds: number;
  tokens: number;
  whole: number;
  left: number;
  /** By kind: a status with its code, or how the connection failed. */
  errors: Readonly<Record<string, number>>;
  health: { times: readonly number[]; failures: readonly string[] };
  /** A page of /metrics, from after the run. */
  metrics: string;
  /** Delay of the clients' own event loop, which does not affect the figures of /health. Milliseconds. */
  clientLagP99: number;
  /** Share of all cores that other processes used meanwhile. */
  othersShare: number;
}

export interface LoadFigures {
  /** A second, of all clients. */
  tokens: number;
  requests: number;
  left: number;
  refused: number;
  errors: number;
  /** Milliseconds. */
  healthP50: number;
  healthP99: number;
  healthMax: number;
  overheadP50: number;
  overheadP99: number;
  clientLagP99: number;
  othersShare: number;
}

export interface LoadVerdict {
  name: string;
  ok: boolean;
}

/** Milliseconds. */
const HEALTH_P99 = 50;
const OVERHEAD_P50 = 2;

export function loadFigures(found: LoadFindings): LoadFigures {
  const { seconds, tokens, whole, left, errors, health, metrics, clientLagP99, othersShare } = found;
  const refused = Object.entries(errors).filter(([kind]) => kind.startsWith('429 '));
  const count = (of: [string, number][]) => of.reduce((sum, [, times]) => sum + times, 0);
  const overhead = histogram(metrics, 'expertgrid_api_overhead_seconds');
  return {
    tokens: tokens / seconds,
    requests: whole,
    left,
    refused: count(refused),
    errors: count(Object.entries(errors)) - count(refused) + health.failures.length,
    healthP50: percentile(health.times, 0.5),
    healthP99: percentile(health.times, 0.99),
    healthMax: percentile(health.times, 1),
    overheadP50: 1000 * quantile(overhead, 0.5),
    overheadP99: 1000 * quantile(overhead, 0.99),
    clientLagP99,
    othersShare,
  };
}

/** NaN (nothing was measured) fails. */
export function loadVerdicts({ errors, healthP99, overheadP50 }: LoadFigures): LoadVerdict[] {
  return [
    { name: 'no error but 429', ok: errors === 0 },
    { name: `p99 of /health below ${HEALTH_P99} ms`, ok: healthP99 < HEALTH_P99 },
    { name: `p50 of the API's overhead below ${OVERHEAD_P50} ms a request`, ok: overheadP50 < OVERHEAD_P50 },
  ];
}

/** Upper bound → number of values up to it, summed over the other labels. Ascending; the last is Infinity. */
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

/** Like Prometheus' histogram_quantile: values are spread evenly within a bucket; the last bucket gives its lower bound. */
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
