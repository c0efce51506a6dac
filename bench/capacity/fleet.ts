// Starts shards and gateways with one kernel thread each, as processes of their own, for the measurements of the capacity model.
import { split } from '../../cli/flags/split.ts';
import { readConfig } from '../inputs.ts';
import {
  GATEWAY_READY,
  METERED_SHARD_READY,
  type OurProcess,
  shardAddresses,
  startOurs,
  untilReady,
} from '../up-process.ts';

/** A gateway without drafts, because drafts depend on the text, and the model does not predict them. */
const GATEWAY_FLAGS = ['--no-speculate', '--threads', '1', '--log-level', 'error'];
/** Golden checks would take CPU time that belongs to no token. */
const SHARD_FLAGS = ['--threads', '1', '--check-every', '0', '--metrics-port', '0', '--log-level', 'warn'];

export interface Server {
  pid: number;
  /** Address of the API, or of the metrics of a shard. */
  url: string;
}

export interface Fleet {
  gateways: readonly Server[];
  shards: readonly Server[];
  close(): Promise<void>;
}

interface FleetSize {
  /** Directory of the bundle. */
  model: string;
  gateways: number;
  shards: number;
}

/** Resolves when every gateway is ready. If a process fails to start, stops the others and rejects. */
export async function startFleet({ model, gateways, shards }: FleetSize): Promise<Fleet> {
  const processes: OurProcess[] = [];
  const start = async (args: readonly string[], ready: RegExp) => {
    const started = await startOurs(args, ready, { printErrors: false });
    processes.push(started);
    return started;
  };
  const close = async () => void (await Promise.all(processes.map((each) => each.stop())));
  try {
    const { experts } = await readConfig(model);
    const holders = await Promise.all(
      split(experts, shards).map((held) => {
        return start(
          ['shard', '--model', model, '--experts', held, '--port', '0', ...SHARD_FLAGS],
          METERED_SHARD_READY,
        );
      }),
    );
    const found = holders.map(({ pid, address }) => {
      const { shard, metrics } = shardAddresses(address);
      return { pid, url: metrics, shard };
    });
    const callable = found.map(({ shard }) => shard).join(',');
    const args = ['gateway', '--model', model, '--shards', callable, '--port', '0', ...GATEWAY_FLAGS];
    const callers = await Promise.all(
      Array.from({ length: gateways }, async () => {
        const { pid, address: url } = await start(args, GATEWAY_READY);
        await untilReady(url);
        return { pid, url };
      }),
    );
    return { gateways: callers, shards: found, close };
  } catch (error) {
    await close();
    throw error;
  }
}
