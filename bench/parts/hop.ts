// Cost of a hop: `node bench/parts/hop.ts [--rows 1] [--hidden 1536]`. Sends the rows of one layer through dispatch and a
// socket to a shard service in another process, whose device answers zeros. For comparison, times the same hop in process
// and a bare TCP echo of as many bytes. Prints medians in microseconds; the last line is JSON.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ShardMetrics } from '../../experts/metrics.ts';
import { ShardService } from '../../experts/service.ts';
import type { ExpertDevice } from '../../model/devices/expert.ts';
import { dispatch } from '../../router/dispatch.ts';
import { Fleet } from '../../router/fleet.ts';
import { localMember, type Member, socketMember } from '../../router/shards/member.ts';
import { listen } from '../../rpc/socket/server.ts';
import { readFlags } from '../flags.ts';
import { percentile } from '../statistics.ts';

const flags = readFlags({
  rows: '1',
  hidden: '1536',
  hops: '20000',
  /** For the child process: serve the shard and the echo. */
  serve: false,
});
const [rows, hidden, hops] = [Number(flags.rows), Number(flags.hidden), Number(flags.hops)];
const model = { identity: 'sha256:hop', layers: 1, experts: 96, hidden };

/** Answers every (row, expert) with a row of zeros. */
const device: ExpertDevice = {
  numericsClass: 'nothing',
  async load() {},
  async unload() {},
  run: async (_layer, _x, asks) => new Float32Array((asks.length / 2) * hidden),
  async dispose() {},
};

function service() {
  const units = Array.from({ length: model.experts }, (_, expert) => ({ layer: 0, expert }));
  return new ShardService({
    models: [{ device, model: { ...model, content: 'sha256:hop', bits: 4, group: 32 }, units }],
    version: 'bench',
    metrics: new ShardMetrics(),
  });
}

if (flags.serve) await serve();
else await measure();

async function serve(): Promise<void> {
  const shard = await listen({ handlers: service().handlers });
  const echo = createServer((socket) => {
    socket.setNoDelay(true);
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  process.send?.({ shard: shard.address, echo: typeof address === 'object' ? address?.port : undefined });
  process.on('disconnect', () => process.exit());
}

async function measure(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['--serve', '--hidden', String(hidden)]);
  const [ports] = await once(child, 'message');
  const { handlers, run } = service();
  const results = {
    echo: await timeEcho(ports.echo),
    socket: await timeHops(socketMember(ports.shard)),
    inProcess: await timeHops(localMember('in-process', handlers, run)),
  };
  for (const [name, microseconds] of Object.entries(results)) {
    console.log(`${name.padEnd(12)}${microseconds.toFixed(1).padStart(8)} µs`);
  }
  console.log(JSON.stringify({ rows, hidden, ...results }));
  child.disconnect();
}

async function timeHops(member: Member): Promise<number> {
  const fleet = new Fleet({ members: [member], model });
  await fleet.whenReady(5_000);
  const x = Float32Array.from({ length: rows * hidden }, (_, i) => Math.sin(i));
  const assignment = {
    k: 1,
    experts: Uint16Array.from({ length: rows }, (_, row) => (7 * row) % model.experts),
    weights: new Float32Array(rows).fill(1),
  };
  const asked = { fleet, model: model.identity, layer: 0, x, hidden, assignment, deadlineMs: 10_000 };
  const microseconds = await time(async () => {
    const { failed } = await dispatch(asked);
    for (const error of failed.values()) throw error;
  });
  fleet.close();
  return microseconds;
}

async function timeEcho(port: number): Promise<number> {
  const bytes = Buffer.alloc(rows * hidden * 4);
  const socket = connect({ port, host: '127.0.0.1' }).setNoDelay(true);
  await once(socket, 'connect');
  let left = 0;
  let arrived = () => {};
  socket.on('data', (chunk) => {
    left -= chunk.length;
    if (left === 0) arrived();
  });
  const microseconds = await time(() => {
    left = bytes.length;
    return new Promise<void>((resolve) => {
      arrived = resolve;
      socket.write(bytes);
    });
  });
  socket.destroy();
  return microseconds;
}

/** Median microseconds of `hop` without the first quarter of the runs, in which code is compiled. */
async function time(hop: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < hops; i++) {
    const from = performance.now();
    await hop();
    if (i >= hops / 4) times.push(performance.now() - from);
  }
  return 1_000 * percentile(times, 0.5);
}
