// GET /v1/experts/heat: how many rows each expert has computed, as a decayed count and in total.
import type { Context } from 'hono';
import type { ApiContext } from '../context.ts';
import { ApiError, badRequest } from '../errors.ts';
import { rounded } from '../telemetry/heat-metrics.ts';
import { heatInTime } from './engine-status.ts';

/** With `?transitions=1` the answer also says, for each expert, which experts of the next layer then got the same rows. */
export async function expertHeat(c: Context, context: ApiContext): Promise<Response> {
  const successors = flagOf(c.req.query('transitions'));
  const report = await heatInTime(context, { successors });
  if (report === undefined) {
    const message = `The engine did not report its heat within ${context.limits.statusMs} ms.`;
    throw new ApiError({ status: 503, message, type: 'server_error', headers: { 'retry-after': '1' } });
  }
  const { layers, experts, halfLifeSeconds, counts, totals, steps } = report;
  return c.json({
    object: 'experts.heat',
    model: context.engine.info.identity,
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

function flagOf(text: string | undefined): boolean {
  if (text === undefined || text === '0') return false;
  if (text === '1') return true;
  throw badRequest(`'transitions' must be 0 or 1, not '${text.slice(0, 50)}'.`, { param: 'transitions' });
}

/** `[layers][experts]`, made from the flat array of all units. */
function byLayer(values: Float64Array, experts: number): number[][] {
  return Array.from({ length: values.length / experts }, (_, layer) =>
    Array.from(values.subarray(layer * experts, (layer + 1) * experts), rounded),
  );
}
