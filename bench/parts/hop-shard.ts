// The shard's side of the bench of a hop: a shard service over real kernels, and a TCP echo that runs the same experts.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { ShardMetrics } from '../../experts/metrics.ts';
import { ShardService } from '../../experts/service.ts';
import {
  type ExpertMatrices,
  type Kernels,
  kernels as loaded,
  missingReason,
} from '../../kernels/kernels.ts';
import { CpuExperts } from '../../model/devices/cpu/cpu-expert.ts';
import { matrixBytes } from '../../model/tiles.ts';
import type { Address } from '../../rpc/address.ts';
import { listen } from '../../rpc/socket/server.ts';

export interface Ports {
  shard: Address;
  echo: number;
}

export interface Usage {
  cpuUs: number;
  /** CPU time of reading weights and of running experts. */
  workUs: number;
}

interface ShardOptions {
  /** This is shard `index` of `count`, which share the experts evenly. */
  index: number;
  count: number;
  hidden: number;
  /** Whether experts are as large as in the full Sigma-MoE-Tiny shape. Otherwise they take a few microseconds. */
  isCold: boolean;
}

export const EXPERTS = 96;
/** Inner width of an expert: 1.9 MB at 4 bits and hidden 1,536, or next to nothing. */
const INNER = { cold: 768, warm: 32 };
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
    return { cpuUs: cpuUs(), workUs: this.#readUs };
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * `[rows]`: one expert for each row, so that the rows are spread evenly over the shards. Each hop takes the next experts, so that
 * none is in a cache when its turn comes again.
 */
export function expertsOf(rows: number, shards: number, hop: number): Uint16Array {
  const held = EXPERTS / shards;
  const each = Math.ceil(rows / shards);
  return Uint16Array.from({ length: rows }, (_, row) => {
    return (row % shards) * held + ((Math.floor(row / shards) + hop * each) % held);
  });
}

/** The experts of a shard in the CPU kernels, run by one thread. Their weights are random, and each has its own memory. */
class Experts {
  readonly device: CpuExperts;
  readonly #kernels: Kernels;
  readonly #matrices: ExpertMatrices[];
  readonly #hidden: number;
  #at = 0;
  #runUs = 0;

  constructor({ index, count, hidden, isCold }: ShardOptions) {
    if (loaded === undefined) throw new Error(missingReason);
    this.#kernels = loaded;
    this.#hidden = hidden;
    const inner = isCold ? INNER.cold : INNER.warm;
    const matrix = (rows: number, cols: number) => {
      const bytes = new Uint8Array(matrixBytes('q4', rows, cols));
      return this.#kernels.matrixOf(bytes, rows, cols, 4);
    };
    this.#matrices = Array.from({ length: EXPERTS / count }, () =>
      this.#kernels.expert(matrix(inner, hidden), matrix(inner, hidden), matrix(hidden, inner)),
    );
    this.#kernels.setThreads(1);
    this.device = new CpuExperts({
      config: { hidden, experts: EXPERTS } as ConstructorParameters<typeof CpuExperts>[0]['config'],
      kernels: this.#kernels,
      numericsClass: 'random',
      mapped: {
        expert: ({ expert }) => this.#matrices[expert - (index * EXPERTS) / count]!,
        mapIn() {},
        isResident: () => true,
      },
    });
  }

  /** Runs the next experts, one for each row of `x [rows, hidden]`. */
  run(x: Float32Array): Float32Array {
    const from = cpuUs();
    const rows = x.length / this.#hidden;
    const next = Array.from(
      { length: rows },
      (_, i) => this.#matrices[(this.#at + i) % this.#matrices.length]!,
    );
    this.#at = (this.#at + rows) % this.#matrices.length;
    const y = new Float32Array(x.length);
    // The kernels take each expert once, so more rows than experts share them.
    const experts = next.slice(0, this.#matrices.length);
    const counts = Int32Array.from(experts, (_, i) => Math.ceil((rows - i) / experts.length));
    this.#kernels.experts(x, experts, counts, y);
    this.#runUs += cpuUs() - from;
    return y;
  }

  get runUs(): number {
    return this.#runUs;
  }
}

export async function shardService(options: ShardOptions) {
  const { index, count, hidden } = options;
  const experts = new Experts(options);
  const held = EXPERTS / count;
  const units = Array.from({ length: held }, (_, i) => ({ layer: 0, expert: index * held + i }));
  await experts.device.load(units);
  const model = {
    identity: 'sha256:hop',
    content: 'sha256:hop',
    layers: 1,
    experts: EXPERTS,
    hidden,
    bits: 4,
    group: 32,
  };
  const metrics = new ShardMetrics();
  const models = [{ device: experts.device, model, units }];
  return { experts, metrics, service: new ShardService({ models, version: 'bench', metrics }) };
}

/** Serves until the parent disconnects. Sends the parent its ports, and its usage when the parent asks for it. */
export async function serveHops(options: ShardOptions): Promise<void> {
  const { experts, metrics, service } = await shardService(options);
  const shard = await listen({ handlers: service.handlers, serving: service.serve() });
  const echo = createServer((socket) => echoRows(socket, options.hidden, experts)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  process.on('message', async () => {
    const usage = { cpuUs: cpuUs(), workUs: experts.runUs + (await runUsOf(metrics)) };
    process.send?.(usage satisfies Usage);
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ shard: shard.address, echo: address.port } satisfies Ports);
}

/** Time of all runs of the service so far. One thread runs them, so it is CPU time. */
async function runUsOf({ registry }: ShardMetrics): Promise<number> {
  const text = await registry.metrics();
  return 1e6 * Number(/^expertgrid_shard_run_seconds_sum (.*)$/m.exec(text)?.[1] ?? 0);
}

/** Answers each message with rows of the same size, from as many experts. A message begins with its length, in place of a float. */
function echoRows(socket: Socket, hidden: number, experts: Experts): void {
  socket.setNoDelay(true);
  let chunks: Buffer[] = [];
  let held = 0;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    held += chunk.length;
    const length = chunks[0]!.readUInt32LE();
    if (held < length) return;
    const bytes = Uint8Array.from(Buffer.concat(chunks));
    bytes.fill(0, 0, 4);
    const y = experts.run(new Float32Array(bytes.buffer, 0, Math.floor(length / (4 * hidden)) * hidden));
    socket.write(new Uint8Array(y.buffer));
    [chunks, held] = [[], 0];
  });
}
