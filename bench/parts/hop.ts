// Cost of a hop: `node bench/parts/hop.ts [--rows 1,8,64] [--shards 1,4] [--cold] [--stream]`. Sends the rows of one layer through
// dispatch and sockets to shard services in other processes, which run small experts. For comparison, times the same hop in
// process and a bare TCP echo of as many bytes, whose shards run the same experts.
//
// With `--cold`, the gateway reads as many bytes between two hops as the dense weights of a layer at the full Sigma-MoE-Tiny shape
// have, and experts are as large as in that shape. So every hop finds its code and data outside the caches, as in a real step.
// With `--stream`, hops use Node's sockets, as with TLS, instead of the addon's.
//
// Prints medians in microseconds, and the CPU time of a hop without these reads and without the experts. The last line is JSON.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { dispatch } from '../../router/dispatch.ts';
import { Fleet } from '../../router/fleet.ts';
import { localMember, type Member, socketMember } from '../../router/shards/member.ts';
import { wirePath } from '../../rpc/socket/wire-socket.ts';
import { readFlags } from '../flags.ts';
import { table } from '../print.ts';
import { percentile, sum } from '../statistics.ts';
import { openEcho } from './hop-echo.ts';
import { EXPERTS, expertsOf, type Ports, serveHops, shardService, type Usage, Weights } from './hop-shard.ts';

const flags = readFlags({
  rows: '1',
  shards: '1',
  hidden: '1536',
  /** Measured hops of each line; a quarter more are made before. */
  hops: undefined,
  cold: false,
  stream: false,
  /** For the child processes: serve shard INDEX of COUNT and an echo. */
  serve: undefined,
});
const hidden = Number(flags.hidden);
const isCold = flags.cold;
const hops = Number(flags.hops ?? (isCold ? 1_000 : 10_000));
/** The dense weights of one layer, at 4 bits. */
const GATEWAY_BYTES = 6e6;

interface Timing {
  /** Median of the time from the first byte to the last answer, µs. */
  medianUs: number;
  /** CPU time of a hop without reads and experts, µs: this process, and all shards together. */
  gatewayUs: number;
  shardsUs: number;
}

const weights = new Weights(isCold);
wirePath.isOn = !flags.stream;

if (flags.serve === undefined) await measure();
else {
  const [index = 0, count = 1] = flags.serve.split('/').map(Number);
  await serveHops({ index, count, hidden, isCold });
}

async function measure(): Promise<void> {
  const lines: ({ rows: number; shards: number } & Awaited<ReturnType<typeof measureLine>>)[] = [];
  for (const count of flags.shards.split(',').map(Number)) {
    if (EXPERTS % count !== 0) throw new Error(`--shards ${count} does not divide the ${EXPERTS} experts`);
    const children = Array.from({ length: count }, (_, index) => startShard(index, count));
    const ports = await Promise.all(
      children.map(async (child): Promise<Ports> => (await once(child, 'message'))[0]),
    );
    for (const rows of flags.rows.split(',').map(Number)) {
      lines.push({ rows, shards: count, ...(await measureLine(rows, ports, children)) });
    }
    for (const child of children) child.disconnect();
  }
  const cells = lines.map(({ rows, shards, echoUs, hopUs, inProcessUs, cpu }) =>
    [rows, shards, echoUs, hopUs, hopUs - echoUs, inProcessUs, cpu.gatewayUs, cpu.shardsUs].map((cell) =>
      cell.toFixed(0),
    ),
  );
  const head = ['rows', 'shards', 'echo', 'hop', 'above', 'in process', 'CPU of gateway', 'CPU of shards'];
  console.log(table(head, cells).join('\n'));
  console.log(JSON.stringify({ hidden, isCold, hops, lines }));
}

type Child = ReturnType<typeof fork>;

function startShard(index: number, count: number): Child {
  const args = ['--serve', `${index}/${count}`, '--hidden', String(hidden)];
  if (isCold) args.push('--cold');
  if (flags.stream) args.push('--stream');
  return fork(fileURLToPath(import.meta.url), args);
}

async function measureLine(rows: number, ports: readonly Ports[], children: readonly Child[]) {
  const expertsAt = (hop: number) => expertsOf(rows, ports.length, hop);
  const echo = await openEcho(
    ports.map(({ echo: port }) => port),
    expertsAt(0),
    hidden,
  );
  const echoed = await time(children, echo.hop);
  echo.close();
  const hop = await timeHops(
    ports.map(({ shard }) => socketMember(shard)),
    expertsAt,
    children,
  );
  const { service } = await shardService({ index: 0, count: 1, hidden, isCold });
  const { handlers, run } = service;
  const local = await timeHops([localMember('in-process', handlers, run)], expertsAt, []);
  return {
    echoUs: echoed.medianUs,
    hopUs: hop.medianUs,
    inProcessUs: local.medianUs,
    cpu: hop,
    echoCpu: echoed,
  };
}

async function timeHops(
  members: Member[],
  expertsAt: (hop: number) => Uint16Array,
  children: readonly Child[],
): Promise<Timing> {
  const model = { identity: 'sha256:hop', layers: 1, experts: EXPERTS, hidden };
  const fleet = new Fleet({ members, model });
  await fleet.whenReady(5_000);
  const { length } = expertsAt(0);
  const x = Float32Array.from({ length: length * hidden }, (_, i) => Math.sin(i));
  const weightsOf = new Float32Array(length).fill(1);
  const asked = { fleet, model: model.identity, layer: 0, x, hidden, deadlineMs: 10_000, mayBlock: true };
  let turn = 0;
  const timing = await time(children, async () => {
    const assignment = { k: 1, experts: expertsAt(turn++), weights: weightsOf };
    const { failed } = await dispatch({ ...asked, assignment });
    for (const error of failed.values()) throw error;
  });
  fleet.close();
  return timing;
}

async function time(children: readonly Child[], hop: () => Promise<void>): Promise<Timing> {
  const times: number[] = [];
  for (let i = 0; i < hops / 4; i++) {
    weights.read(GATEWAY_BYTES);
    await hop();
  }
  const before = await usages(children);
  for (let i = 0; i < hops; i++) {
    weights.read(GATEWAY_BYTES);
    const from = performance.now();
    await hop();
    times.push(performance.now() - from);
  }
  const after = await usages(children);
  const [gatewayUs = 0, ...shardsUs] = after.map(({ cpuUs, workUs }, i) => {
    const { cpuUs: cpuBefore, workUs: workBefore } = before[i]!;
    return (cpuUs - cpuBefore - (workUs - workBefore)) / hops;
  });
  return { medianUs: 1_000 * percentile(times, 0.5), gatewayUs, shardsUs: sum(shardsUs) };
}

/** CPU time so far: this process first, then each child. */
async function usages(children: readonly Child[]): Promise<Usage[]> {
  const theirs = children.map(async (child): Promise<Usage> => {
    child.send('usage');
    return (await once(child, 'message'))[0];
  });
  return [weights.usage(), ...(await Promise.all(theirs))];
}
