// GET /health, /health/ready and /metrics: whether the process lives, whether it can answer, what it has counted.
import type { Context } from 'hono';
import type { EngineStatus } from '../engine/messages.ts';
import type { ApiContext } from './context.ts';

/** Asks the engine nothing: it is alive while it computes. */
export function health(c: Context): Response {
  return c.json({ status: 'ok' });
}

/** 503 while an expert is held by no connected shard; says which, layer by layer. */
export async function healthReady(c: Context, context: ApiContext): Promise<Response> {
  const status = await statusInTime(context);
  if (status === undefined) {
    const waited = context.limits.statusMs;
    return c.json(
      { status: 'unknown', reason: `the engine did not answer within ${waited} ms`, missing: [] },
      503,
    );
  }
  const { ready, missing } = status;
  return c.json({ status: ready ? 'ready' : 'not_ready', missing }, ready ? 200 : 503);
}

export async function metricsPage(c: Context, context: ApiContext): Promise<Response> {
  const { metrics } = context;
  const page = await metrics.render(await statusInTime(context));
  return c.text(page, 200, { 'content-type': metrics.contentType });
}

/** Undefined where the engine is too busy, or too broken, to say; the latter is logged. */
async function statusInTime({ engine, limits, logger }: ApiContext): Promise<EngineStatus | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, limits.statusMs, undefined);
  });
  try {
    return await Promise.race([engine.status(), late]);
  } catch (error) {
    logger.warn({ err: error }, 'the engine did not tell its status');
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
