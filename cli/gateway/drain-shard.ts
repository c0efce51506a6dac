// Drains a shard on behalf of a caller of the gateway's API.
import type { Logger } from 'pino';
import type { DrainShard } from '../../gateway/api/endpoints/drain.ts';
import { askToLeave } from '../../infra/moves/ask-to-leave.ts';
import { parseAddress } from '../../rpc/address.ts';
import { type RpcErrorCode, toRpcError } from '../../rpc/errors.ts';
import { shardCredentials } from '../shard/shard-credentials.ts';
import type { Holders } from './engine-thread.ts';

/** A shard waits up to 3 s for permission from its gateways, then up to 10 s for its calls in flight. */
const DEADLINE_MS = 30_000;

/** Outcomes by RPC error code. Any other code means that the shard was not reached or did not answer: `failed`. */
const outcomes: Partial<Record<RpcErrorCode, 'refused' | 'unproven'>> = {
  needed: 'refused',
  unproven: 'unproven',
};

/** Returns undefined if all shards run in this process, because such shards cannot be drained. */
export function drainShardOf({ elsewhere }: Holders, log: Logger): DrainShard | undefined {
  if (elsewhere === undefined) return undefined;
  return async (address, { force }) => {
    // The files are read for each drain. Drains are rare, so it is not worth watching the files.
    const security = await shardCredentials(elsewhere, { log: (level, message) => log[level](message) });
    try {
      const asked = { force, security, deadlineMs: DEADLINE_MS };
      const { answered, inFlight } = await askToLeave(parseAddress(address), asked);
      log.info(`shard ${address} was drained${force ? ' by force' : ''} by a caller of the API`);
      return { type: 'drained', answered, inFlight };
    } catch (cause) {
      const { code, message } = toRpcError(cause);
      return { type: outcomes[code] ?? 'failed', message };
    } finally {
      security?.close();
    }
  };
}
