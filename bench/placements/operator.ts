// One operator: the real `plan --apply` as a process, over its own delays, and its result.
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Address, formatAddress, parseAddress } from '../../rpc/address.ts';
import { startRelay } from '../../test/support/network/relay.ts';
import { hasEnded, spawnKept } from '../chaos/processes.ts';

export type Outcome =
  /** It has seen every shard hold what it should. */
  | 'whole'
  /** It was refused or overtaken, and learnt by whom. */
  | 'told'
  | 'killed'
  /** It ended with another error. */
  | 'failed'
  /** It did not end by itself. */
  | 'endless';

export interface OperatorRun {
  outcome: Outcome;
  /** The last line of its errors. */
  said: string;
}

export interface OperatorOptions {
  main: string;
  addresses: readonly string[];
  /** One way, to each shard. Milliseconds. */
  delaysMs: readonly number[];
  /** Of `plan`, besides `--apply`. */
  args: readonly string[];
  /** What it says to shards waits until this resolves; called once it says something. */
  gate: () => Promise<void>;
  killMs?: number | undefined;
}

/** A command that runs longer is stuck. Milliseconds. */
const ENDLESS = 40_000;

/** Whoever is told of another operator is told when, as who, and which placement. */
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
    delay(ENDLESS, 'endless' as const, { ref: false }),
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

/** Makes two operators overlap, however long their processes take to start: each waits for the other. */
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
