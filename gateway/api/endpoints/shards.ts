// GET /v1/shards: the state and counters of every shard, as this gateway sees it.
import type { Context } from 'hono';
import type { ApiContext } from '../context.ts';
import { ApiError } from '../errors.ts';
import { statusInTime } from './engine-status.ts';

export async function listShards(c: Context, context: ApiContext): Promise<Response> {
  const status = await statusInTime(context);
  if (status === undefined) {
    const message = `The engine did not answer within ${context.limits.statusMs} ms.`;
    throw new ApiError({ status: 503, message, type: 'server_error', code: 'engine_busy' });
  }
  const data = status.shards.map((shard) => {
    const { counters } = shard;
    return {
      address: shard.address,
      in_process: shard.inProcess,
      zone: shard.zone ?? null,
      state: shard.state,
      since: Math.round(shard.since / 1_000),
      standby: shard.standby,
      units: shard.units,
      experts: shard.experts,
      numerics_class: shard.numericsClass ?? null,
      weight_bytes: shard.weightBytes ?? null,
      memory_bytes: shard.residentBytes ?? null,
      in_flight: shard.inFlight,
      expected_ms: Math.round(shard.expectedMs * 1_000) / 1_000,
      calls: counters.calls,
      rows: counters.rows,
      failures: counters.failures,
      timeouts: counters.timeouts,
      reconnects: counters.reconnects,
      cordons: counters.cordons,
      unresponsive: counters.silences,
      bans: counters.bans,
      golden_rows: counters.goldenRows,
      bytes_sent: counters.bytesSent,
      bytes_received: counters.bytesReceived,
    };
  });
  return c.json({
    object: 'list',
    ready: status.ready,
    // Units that only one shard serves. If that shard is lost, the model is not ready.
    without_replica: status.single,
    // Units that only shards of other zones serve. Requests that use them are slower.
    borrowed: status.borrowed,
    memory_bytes: process.memoryUsage.rss(),
    data,
  });
}
