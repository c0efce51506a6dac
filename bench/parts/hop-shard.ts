// The shard's side of the bench of a hop: a shard service with a device that answers zeros, and a TCP echo.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { ShardMetrics } from '../../experts/metrics.ts';
import { ShardService } from '../../experts/service.ts';
import type { ExpertDevice } from '../../model/devices/expert.ts';
import type { Address } from '../../rpc/address.ts';
import { listen } from '../../rpc/socket/server.ts';

export interface Ports {
  shard: Address;
  echo: number;
}

export interface Usage {
  cpuUs: number;
  /** CPU time of `Weights.read`. */
  readUs: number;
}

interface ShardOptions {
  /** This is shard `index` of `count`, which share the experts evenly. */
  index: number;
  count: number;
  hidden: number;
  weights: Weights;
}

export const EXPERTS = 96;
/** Weights of one expert at 4 bits. */
const EXPERT_BYTES = 2e6;
const CACHE_LINE_INTS = 16;
/** More than the caches of any machine that the bench is run on hold for one core. */
const MEMORY_BYTES = 256e6;

/** Memory that is read like the weights of a model: in order, and much later again. Reads nothing unless it is cold. */
export class Weights {
  readonly #memory: Int32Array;
  #at = 0;
  #readUs = 0;
  #sum = 0;

  constructor(isCold: boolean) {
    this.#memory = new Int32Array(isCold ? MEMORY_BYTES / 4 : 0).fill(1);
  }

  read(bytes: number): void {
    if (this.#memory.length === 0) return;
    const from = cpuUs();
    let [at, sum] = [this.#at, this.#sum];
    for (let ints = bytes / 4; ints > 0; ints -= CACHE_LINE_INTS) {
      sum = (sum + this.#memory[at]!) | 0;
      at += CACHE_LINE_INTS;
      if (at >= this.#memory.length) at = 0;
    }
    [this.#at, this.#sum] = [at, sum];
    this.#readUs += cpuUs() - from;
  }

  usage(): Usage {
    return { cpuUs: cpuUs(), readUs: this.#readUs };
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** `[rows]`: one expert for each row, so that the rows are spread evenly over the shards. */
export function expertsOf(rows: number, shards: number): Uint16Array {
  const held = EXPERTS / shards;
  return Uint16Array.from({ length: rows }, (_, row) => {
    return (row % shards) * held + (Math.floor(row / shards) % held);
  });
}

export function shardService({ index, count, hidden, weights }: ShardOptions): ShardService {
  const held = EXPERTS / count;
  const device: ExpertDevice = {
    numericsClass: 'nothing',
    async load() {},
    async unload() {},
    async run(_layer, _x, asks) {
      const asked = new Set(asks.filter((_, i) => i % 2 === 1));
      weights.read(asked.size * EXPERT_BYTES);
      return new Float32Array((asks.length / 2) * hidden);
    },
    async dispose() {},
  };
  const model = {
    identity: 'sha256:hop',
    content: 'sha256:hop',
    layers: 1,
    experts: EXPERTS,
    hidden,
    bits: 4,
    group: 32,
  };
  const units = Array.from({ length: held }, (_, i) => ({ layer: 0, expert: index * held + i }));
  return new ShardService({
    models: [{ device, model, units }],
    version: 'bench',
    metrics: new ShardMetrics(),
  });
}

/** Serves until the parent disconnects. Sends the parent its ports, and its usage when the parent asks for it. */
export async function serveHops(options: ShardOptions): Promise<void> {
  const { weights, hidden } = options;
  const shard = await listen({ handlers: shardService(options).handlers });
  const echo = createServer((socket) => echoRows(socket, hidden, weights)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  process.on('message', () => process.send?.(weights.usage()));
  process.on('disconnect', () => process.exit());
  process.send?.({ shard: shard.address, echo: address.port } satisfies Ports);
}

/** Answers each message with the same bytes, after reading weights as the shard's device does. A message begins with its length. */
function echoRows(socket: Socket, hidden: number, weights: Weights): void {
  socket.setNoDelay(true);
  let chunks: Buffer[] = [];
  let held = 0;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    held += chunk.length;
    const length = chunks[0]!.readUInt32LE();
    if (held < length) return;
    weights.read(EXPERT_BYTES * Math.min(EXPERTS, Math.round(length / (4 * hidden))));
    for (const each of chunks) socket.write(each);
    [chunks, held] = [[], 0];
  });
}
