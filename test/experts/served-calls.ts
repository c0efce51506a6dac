// Calls of a shard that the addon serves, over sockets, in the fast layout and as the codec writes them.
import { onTestFinished } from 'vitest';
import type { ShardMetrics } from '../../experts/metrics.ts';
import type { ShardService } from '../../experts/service.ts';
import { encodeMessage } from '../../rpc/codec.ts';
import type { Message } from '../../rpc/messages.ts';
import { bytesToRows, rowsToBytes, uint16ToBytes } from '../../rpc/rows.ts';
import { listen, type RpcServer } from '../../rpc/socket/server.ts';
import { framed } from '../rpc/framed.ts';
import { openRawPeer, type RawPeer } from '../rpc/raw-peer.ts';
import { type FastCall, fastCall } from '../support/network/fast-frames.ts';
import { createServedShard, servedModel as model, servedUnits } from './served.ts';

const { hidden } = model;
/** All units but expert 5 of layer 1. */
const held = servedUnits.slice(0, -1);

export interface Served {
  service: ShardService;
  metrics: ShardMetrics;
  server: RpcServer;
  open(): Promise<RawPeer>;
}

/** A served shard behind a socket, and connections to it, until the test ends. */
export async function serve(): Promise<Served> {
  const { service, metrics } = await createServedShard(held);
  const server = await listen({ handlers: service.handlers, serving: service.serve() });
  onTestFinished(() => server.close({ graceMs: 100 }));
  const open = async () => {
    const peer = await openRawPeer(server.address);
    onTestFinished(() => peer.end());
    const params = { protocol: 1, role: 'gateway', version: 'test' };
    peer.send({ type: 'request', id: 0, method: 'hello', params });
    await peer.next();
    return peer;
  };
  return { service, metrics, server, open };
}

export function callOf(id: number, options: Partial<FastCall> = {}): FastCall {
  const rows = Float32Array.from({ length: 3 * hidden }, (_, i) => Math.sin(id + i));
  const asks = [0, 1, 2, 3, 1, 1];
  return {
    id,
    model: model.identity,
    layer: 0,
    priority: 0,
    epoch: 1,
    deadlineMs: 5_000,
    asks,
    rows,
    ...options,
  };
}

/** Makes fast calls with up to three changed bytes, most of them in the head, where they matter. */
export function fastCallBreaker(next: () => number): (id: number) => Buffer {
  const below = (limit: number) => Math.floor(next() * limit);
  return (id) => {
    const bytes = fastCall(
      callOf(id, { layer: below(3), asks: [below(4), below(7)], deadlineMs: 1 + below(9) }),
    );
    for (let i = below(4); i > 0; i--) bytes[4 + below(next() < 0.9 ? 150 : bytes.length - 4)] = below(256);
    return bytes;
  };
}

/** The same call as the codec writes it, which only the handlers read. */
export function slowCall({ id, asks, rows, ...fields }: FastCall): Buffer {
  const params = {
    ...fields,
    dtype: 'f32',
    rows: rowsToBytes(rows),
    asks: uint16ToBytes(Uint16Array.from(asks)),
  };
  return framed(encodeMessage({ type: 'request', id, method: 'expert.run', params }));
}

export function outcomeOf(message: Message): { id: number; rows?: number[]; code?: string } {
  if (message.type !== 'response') throw new Error(`a ${message.type} came instead of a response`);
  const { id, error, result } = message;
  if (error !== undefined) return { id, code: error.code };
  const { rows } = result as { rows: Uint8Array };
  return { id, rows: [...bytesToRows(rows, rows.length / (4 * hidden), hidden)] };
}

/** Makes a call through the handlers; from then on, the addon serves all units. */
export async function warm(peer: RawPeer): Promise<void> {
  peer.write(slowCall(callOf(1_000)));
  await peer.next();
}
