// GET /v1/experts/heat, and the same counts as samples of /metrics. Knows no shards.
import type { Context } from 'hono';
import type { HeatReport } from '../../engine/messages.ts';
import type { ApiContext } from '../context.ts';
import { ApiError, badRequest } from '../errors.ts';
import { heatInTime } from './engine-status.ts';

/** Units (layer, expert) that /metrics lists one by one; of a larger model it gives the layers' gauges alone. */
const MOST_SERIES = 8192;

/** Rows of every (layer, expert); with `?transitions=1` also which experts of the next layer took them. */
export async function expertHeat(c: Context, { engine, limits, logger }: ApiContext): Promise<Response> {
  const successors = flagOf(c.req.query('transitions'));
  const report = await heatInTime(engine, { waitMs: limits.statusMs, logger, successors });
  if (report === undefined) {
    const message = `The engine did not tell its heat within ${limits.statusMs} ms.`;
    throw new ApiError({ status: 503, message, type: 'server_error', headers: { 'retry-after': '1' } });
  }
  const { layers, experts, halfLifeSeconds, counts, totals, steps } = report;
  return c.json({
    object: 'experts.heat',
    model: engine.info.identity,
    layers,
    experts,
    half_life_seconds: halfLifeSeconds,
    counts: byLayer(counts, experts),
    totals: byLayer(totals, experts),
    steps: steps.map(({ rows, count }) => ({ rows, count: rounded(count) })),
    ...(successors && {
      transitions:
        report.successors?.map((ofLayer) =>
          ofLayer.map((followers) => followers.map(([expert, rows]) => [expert, rounded(rows)])),
        ) ?? null,
    }),
  });
}

/** In Prometheus' text format; of several models with the label `model`. Units that no row has met yet have no sample. */
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

function flagOf(text: string | undefined): boolean {
  if (text === undefined || text === '0') return false;
  if (text === '1') return true;
  throw badRequest(`'transitions' must be 0 or 1, not '${text.slice(0, 50)}'.`, { param: 'transitions' });
}

/** `[layers][experts]` */
function byLayer(values: Float64Array, experts: number): number[][] {
  return Array.from({ length: values.length / experts }, (_, layer) =>
    Array.from(values.subarray(layer * experts, (layer + 1) * experts), rounded),
  );
}

/** More digits would tell nothing and make the page three times as long. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
