// GET /health, /health/ready, /metrics and /metrics/engine: liveness, readiness and the metrics of the process; also for a port of
// their own, which has /v1/scaling too.
import { type Context, Hono } from 'hono';
import type { MissingUnits } from '../../engine/messages.ts';
import type { ApiContext } from '../context.ts';
import type { Shared } from '../shared.ts';
import { scalingMetrics, scalingOf } from '../telemetry/scaling.ts';
import { vllmMetrics } from '../telemetry/vllm-metrics.ts';
import { heatInTime, statusInTime } from './engine-status.ts';
import { modelOfQuery } from './models.ts';
import { showScaling } from './scaling.ts';

interface Readiness {
  status: 'ready' | 'not_ready' | 'unknown';
  reason?: string;
  missing: MissingUnits[];
}

/** Always 200. Does not ask the engine, because a busy engine answers late. */
export function health(c: Context): Response {
  return c.json({ status: 'ok' });
}

/**
 * 503 while an expert is held by no connected shard, while an engine does not answer in time, or while the server shuts down. The
 * body lists the missing experts by layer. All models must be ready or, with `?model=`, only the named one. Warnings do not
 * change the status.
 */
export async function healthReady(
  c: Context,
  { served, shutdown, warnings: { current } }: Shared,
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

async function readinessOf(context: ApiContext): Promise<Readiness> {
  const status = await statusInTime(context);
  if (status === undefined) {
    const reason = `the engine did not answer within ${context.limits.statusMs} ms`;
    return { status: 'unknown', reason, missing: [] };
  }
  const { ready, missing } = status;
  return { status: ready ? 'ready' : 'not_ready', missing };
}

export async function metricsPage(c: Context, { served, metrics }: Shared): Promise<Response> {
  const engines = [...served.contexts].map(async ([model, context]) => {
    const [status, heat] = await Promise.all([statusInTime(context), heatInTime(context)]);
    return { model, status, heat, load: context.engine.load(), shards: status?.shards ?? [] };
  });
  const reports = await Promise.all(engines);
  const scaling = scalingMetrics(scalingOf(reports, Date.now()));
  const page = (await metrics.render(reports)) + scaling + engineMetrics(served);
  return c.text(page, 200, { 'content-type': metrics.contentType });
}

/** Only what routers need to choose a gateway, without waiting for the engine: they ask many times a second. */
export function engineMetricsPage(c: Context, { served, metrics }: Shared): Response {
  return c.text(engineMetrics(served), 200, { 'content-type': metrics.contentType });
}

function engineMetrics({ contexts }: Shared['served']): string {
  return vllmMetrics([...contexts].map(([model, { engine }]) => [model, engine.load()]));
}

/** Only these paths, without keys, for a port that clients cannot reach. */
export function statusApp(shared: Shared): Hono {
  const app = new Hono({ strict: false });
  app.get('/health', health);
  app.get('/health/ready', (c) => healthReady(c, shared));
  app.get('/metrics', (c) => metricsPage(c, shared));
  app.get('/metrics/engine', (c) => engineMetricsPage(c, shared));
  app.get('/v1/scaling', (c) => showScaling(c, shared));
  return app;
}
