// GET /health, /health/ready and /metrics: whether the process lives, whether it can answer, what it has counted.
import type { Context } from 'hono';
import type { ApiContext } from './context.ts';
import { heatInTime, statusInTime } from './engine-status.ts';

/** Asks the engine nothing: it is alive while it computes. */
export function health(c: Context): Response {
  return c.json({ status: 'ok' });
}

/** 503 while an expert is held by no connected shard; says which, layer by layer. */
export async function healthReady(c: Context, context: ApiContext): Promise<Response> {
  const { engine, limits, logger } = context;
  const status = await statusInTime(engine, { waitMs: limits.statusMs, logger });
  if (status === undefined) {
    const reason = `the engine did not answer within ${limits.statusMs} ms`;
    return c.json({ status: 'unknown', reason, missing: [] }, 503);
  }
  const { ready, missing } = status;
  return c.json({ status: ready ? 'ready' : 'not_ready', missing }, ready ? 200 : 503);
}

export async function metricsPage(c: Context, context: ApiContext): Promise<Response> {
  const { engine, limits, logger, metrics } = context;
  const patience = { waitMs: limits.statusMs, logger };
  const [status, heat] = await Promise.all([statusInTime(engine, patience), heatInTime(engine, patience)]);
  const page = await metrics.render(status, heat);
  return c.text(page, 200, { 'content-type': metrics.contentType });
}
