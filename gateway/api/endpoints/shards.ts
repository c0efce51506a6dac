// GET /v1/shards: every shard as this gateway sees it.
import type { Context } from 'hono';
import type { ApiContext } from '../context.ts';
import { ApiError } from '../errors.ts';
import { statusInTime } from './engine-status.ts';

export async function listShards(c: Context, { engine, limits, logger }: ApiContext): Promise<Response> {
  const status = await statusInTime(engine, { waitMs: limits.statusMs, logger });
  if (status === undefined) {
    const message = `The engine did not answer within ${limits.statusMs} ms.`;
    throw new ApiError({ status: 503, message, type: 'server_error', code: 'engine_busy' });
  }
  const data = status.shards.map((shard) => {
    const { address, state, since, units, experts, numericsClass, standby, inFlight, expectedMs, counters } =
      shard;
    const { calls, rows, failures, timeouts, reconnects, cordons, silences, bans } = counters;
    const { goldenRows, bytesSent, bytesReceived } = counters;
    return {
      address,
      state,
      since: Math.round(since / 1_000),
      standby,
      units,
      experts,
      numerics_class: numericsClass ?? null,
      weight_bytes: shard.weightBytes ?? null,
      memory_bytes: shard.residentBytes ?? null,
      in_flight: inFlight,
      expected_ms: Math.round(expectedMs * 1_000) / 1_000,
      calls,
      rows,
      failures,
      timeouts,
      reconnects,
      cordons,
      unresponsive: silences,
      bans,
      golden_rows: goldenRows,
      bytes_sent: bytesSent,
      bytes_received: bytesReceived,
    };
  });
  return c.json({
    object: 'list',
    ready: status.ready,
    // If one of these shards is lost, the model is not ready.
    without_replica: status.single,
    memory_bytes: process.memoryUsage.rss(),
    data,
  });
}
