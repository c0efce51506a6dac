// Labels in the text format of Prometheus.

/** The value of a label, as it stands between quotes. */
export function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
