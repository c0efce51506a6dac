// Runs one operator: a process of `plan --apply` whose connections to the shards have delays of their own.
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Address, formatAddress, parseAddress } from '../../rpc/address.ts';
import { startRelay } from '../../test/support/network/relay.ts';
import { hasEnded, spawnKept } from '../chaos/processes.ts';

export type Outcome =
  /** The operator saw that every shard holds the units that this operator's placement gives it. */
  | 'whole'
  /** Another operator's placement won, and the error says whose placement that is. */
  | 'told'
  | 'killed'
  /** The operator ended with another error. */
  | 'failed'
  /** The operator did not end by itself. */
  | 'endless';

export interface OperatorRun {
  outcome: Outcome;
  /** Last line of its errors. */
  said: string;
}

interface OperatorOptions {
  main: string;
  addresses: readonly string[];
  /** Delay of a message to each shard. */
  delaysMs: readonly number[];
  /** Arguments of `plan`, without `--apply`. */
  args: readonly string[];
  /** Called for each connection to a shard. The bytes of the connection wait until the promise resolves. */
  gate: () => Promise<void>;
  /** Time from the start to SIGKILL. Undefined if the operator is not killed. */
  killMs?: number | undefined;
}

/** A process that runs longer is stuck. */
const ENDLESS_MS = 40_000;

/** Error of an operator whose placement lost. It names the other placement, who applied it and when. */
const TOLD = /placement \d+ \(\w{12}\), applied by \S.*@\S+ at \d{4}-\d\d-\d\dT[\d:]+Z/;

export async function runOperator(options: OperatorOptions): Promise<OperatorRun> {
  const { main, addresses, delaysMs, args, killMs, gate } = options;
  const relays = await Promise.all(
    addresses.map((address, i) =>
      startRelay({ to: parseAddress(address), delayMs: delaysMs[i] ?? 0, seed: i }),
    ),
  );
  const doors = await Promise.all(relays.map(({ address }) => openDoor(address, gate)));
  const apply = doors.map(({ address }) => formatAddress(address)).join(',');
  const child = spawnKept(main, ['plan', '--apply', apply, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const killed = killMs === undefined ? undefined : delay(killMs, 'killed' as const, { ref: false });
  const first = await Promise.race([
    ended,
    killed ?? ended,
    delay(ENDLESS_MS, 'endless' as const, { ref: false }),
  ]);
  if (!hasEnded(child)) child.kill('SIGKILL');
  const [code] = await ended;
  for (const { server } of doors) server.close();
  await Promise.all(relays.map((relay) => relay.close()));
  const said = errors.trimEnd().split('\n').at(-1) ?? '';
  if (typeof first === 'string' && code !== 0) return { outcome: first, said };
  if (code === 0) return { outcome: 'whole', said };
  return { outcome: TOLD.test(said) ? 'told' : 'failed', said };
}

/**
 * Makes operators overlap, however long their processes take to start. The gate of each operator opens `afterMs` after
 * all operators have reached their gates, or `afterMs` after it has waited `patienceMs` for them.
 */
export function gateFor(operators: number, patienceMs: number): (afterMs: number) => () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  return (afterMs) => {
    let passing: Promise<void> | undefined;
    return () => {
      if (passing === undefined) {
        if (++waiting === operators) resolve();
        passing = Promise.race([promise, delay(patienceMs)]).then(() => delay(afterMs));
      }
      return passing;
    };
  };
}

/** A server that connects each of its clients to `to`, once `gate` has resolved. */
async function openDoor(
  to: Address,
  gate: () => Promise<void>,
): Promise<{ server: Server; address: Address }> {
  const host = '127.0.0.1';
  const server = createServer({ noDelay: true }, (near) => {
    near.on('error', () => near.destroy());
    void gate().then(() => {
      const far = connect({ ...to, noDelay: true });
      far.on('error', () => near.destroy());
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      near.pipe(far).pipe(near);
    });
  }).listen(0, host);
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has no port');
  return { server, address: { host, port: bound.port } };
}
