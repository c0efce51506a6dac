// GET /v1/scaling: what an autoscaler needs to know of the gateway and of each group of shards. Also for a port of its own.
import type { Context } from 'hono';
import type { Shared } from '../shared.ts';
import { scalingOf } from '../telemetry/scaling.ts';
import { statusInTime } from './engine-status.ts';

export async function showScaling(c: Context, { served }: Shared): Promise<Response> {
  const states = [...served.contexts].map(async ([model, context]) => {
    const shards = (await statusInTime(context))?.shards ?? [];
    return { model, load: context.engine.load(), shards };
  });
  return c.json(scalingOf(await Promise.all(states), Date.now()));
}
