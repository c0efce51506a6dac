// Metrics in the expressions of alerts and of the dashboard, and the shape of an alert.

export interface AlertRule {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: 'critical' | 'warning' };
  annotations: { summary: string };
}

/** The cell that a rule watches. Without it, a rule watches every series that Prometheus has. */
export interface WatchedCell {
  cell: string;
  namespace: string;
  /** Whether the cell has no pods while nobody uses it. */
  mayBeZero?: boolean;
}

/** Writes a metric with its labels, and with those of the watched cell. */
export type Series = (metric: string, labels?: string) => string;
export type Row = [
  name: string,
  severity: AlertRule['labels']['severity'],
  wait: string,
  expr: string,
  summary: string,
];

/** The operator of Prometheus names a job after the Service. Names of metrics are written without `prefix`. */
export function seriesOf(
  watched: WatchedCell | undefined,
  part: string,
  prefix: 'expertgrid_' | '' = 'expertgrid_',
): Series {
  const own = watched && `namespace="${watched.namespace}",job="${watched.cell}-${part}"`;
  return (metric, labels) => {
    const all = [own, labels].filter((each) => each !== undefined).join(',');
    return all === '' ? `${prefix}${metric}` : `${prefix}${metric}{${all}}`;
  };
}

export function grows(series: Series, metric: string): string {
  return `increase(${series(metric)}[10m]) > 0`;
}

export function rate(series: Series, metric: string, labels?: string): string {
  return `rate(${series(metric, labels)}[5m])`;
}

export function quantile(series: Series, share: number, metric: string): string {
  return `histogram_quantile(${share}, sum by (le) (${rate(series, `${metric}_bucket`)}))`;
}
