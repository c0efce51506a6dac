// GET /health, /health/ready and /metrics: whether the process is alive, whether it can answer requests, and its metrics.
import type { Context } from 'hono';
import type { MissingUnits } from '../../engine/messages.ts';
import type { ApiContext } from '../context.ts';
import type { Shutdown } from '../shutdown.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Warnings } from '../warnings.ts';
import { heatInTime, statusInTime } from './engine-status.ts';
import { modelOfQuery, type Served } from './models.ts';

interface Readiness {
  status: 'ready' | 'not_ready' | 'unknown';
  reason?: string;
  missing: MissingUnits[];
}

/** Does not ask the engine, which may be busy computing. */
export function health(c: Context): Response {
  return c.json({ status: 'ok' });
}

/**
 * 503 while no connected shard holds some expert, with the missing ones by layer, and while the server shuts down. All models must
 * be ready, unless `?model=` names one. Warnings do not change the status.
 */
export async function healthReady(
  c: Context,
  {
    served,
    shutdown,
    warnings: { current },
  }: { served: Served; shutdown: Pick<Shutdown, 'refusing'>; warnings: Pick<Warnings, 'current'> },
): Promise<Response> {
  const { contexts } = served;
  const warnings = current.length > 0 ? { warnings: current } : {};
  if (shutdown.refusing) {
    return c.json({ status: 'not_ready', reason: 'The server is shutting down.', missing: [] }, 503);
  }
  if (contexts.size === 1 || c.req.query('model') !== undefined) {
    const readiness = await readinessOf(modelOfQuery(c, served));
    return c.json({ ...readiness, ...warnings }, readiness.status === 'ready' ? 200 : 503);
  }
  const all = await Promise.all(
    [...contexts].map(async ([id, context]) => [id, await readinessOf(context)] as const),
  );
  const worst = (['not_ready', 'unknown'] as const).find((bad) =>
    all.some(([, { status }]) => status === bad),
  );
  const body = {
    status: worst ?? 'ready',
    models: Object.fromEntries(all.map(([id, { missing: _, ...how }]) => [id, how])),
    missing: all.flatMap(([model, { missing }]) => missing.map((units) => ({ model, ...units }))),
    ...warnings,
  };
  return c.json(body, worst === undefined ? 200 : 503);
}

async function readinessOf({ engine, limits, logger }: ApiContext): Promise<Readiness> {
  const status = await statusInTime(engine, { waitMs: limits.statusMs, logger });
  if (status === undefined) {
    const reason = `the engine did not answer within ${limits.statusMs} ms`;
    return { status: 'unknown', reason, missing: [] };
  }
  const { ready, missing } = status;
  return { status: ready ? 'ready' : 'not_ready', missing };
}

export async function metricsPage(
  c: Context,
  { served, metrics }: { served: Served; metrics: Metrics },
): Promise<Response> {
  const engines = [...served.contexts].map(async ([model, { engine, limits, logger }]) => {
    const patience = { waitMs: limits.statusMs, logger };
    const [status, heat] = await Promise.all([statusInTime(engine, patience), heatInTime(engine, patience)]);
    return { model, status, heat };
  });
  const page = await metrics.render(await Promise.all(engines));
  return c.text(page, 200, { 'content-type': metrics.contentType });
}
