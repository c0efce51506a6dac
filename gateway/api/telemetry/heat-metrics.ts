// Writes the heat of the experts (how many rows each has computed) as samples of /metrics.
import type { HeatReport } from '../../engine/messages.ts';

/** Largest number of units (experts of a layer) that get a sample each. A model with more has only the gauges of its layers. */
const MOST_SERIES = 8192;

/** In Prometheus' text format, with the label `model` if `labelled`. A unit without rows has no sample. */
export function heatMetrics(
  heats: readonly { model: string; heat: HeatReport }[],
  { labelled }: { labelled: boolean },
): string {
  if (heats.length === 0) return '';
  const label = (model: string) => (labelled ? `model="${escaped(model)}",` : '');
  const lines = [
    '# HELP expertgrid_layer_hottest_expert_ratio Rows of the hottest expert over the mean, decayed',
    '# TYPE expertgrid_layer_hottest_expert_ratio gauge',
    ...heats.flatMap(({ model, heat }) => hottestRatios(heat, label(model))),
  ];
  const listed = heats.filter(({ heat }) => heat.totals.length <= MOST_SERIES);
  if (listed.length > 0) {
    lines.push(
      '# HELP expertgrid_expert_rows_total Rows sent to the expert',
      '# TYPE expertgrid_expert_rows_total counter',
      ...listed.flatMap(({ model, heat }) => rowsOfEach(heat, label(model))),
    );
  }
  return `${lines.join('\n')}\n`;
}

function hottestRatios({ layers, experts, counts }: HeatReport, label: string): string[] {
  return Array.from({ length: layers }, (_, layer) => {
    const rows = counts.subarray(layer * experts, (layer + 1) * experts);
    const mean = rows.reduce((sum, count) => sum + count, 0) / experts;
    const ratio = mean > 0 ? Math.max(...rows) / mean : 0;
    return `expertgrid_layer_hottest_expert_ratio{${label}layer="${layer}"} ${rounded(ratio)}`;
  });
}

function rowsOfEach({ experts, totals }: HeatReport, label: string): string[] {
  return Array.from(totals).flatMap((rows, unit) => {
    const [layer, expert] = [Math.floor(unit / experts), unit % experts];
    return rows > 0
      ? [`expertgrid_expert_rows_total{${label}layer="${layer}",expert="${expert}"} ${rows}`]
      : [];
  });
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** Rounds to six significant digits. More digits would carry no information but make the page three times as long. */
export function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
