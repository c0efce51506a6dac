// Sends the keys and values of a stream to the gateway that will continue it, when this gateway leaves service.
import { errorText } from '../../../base/error-text.ts';
import type { EngineClient, KvPrefix } from '../../engine/messages.ts';
import type { Peers } from './peers.ts';
import { prefixKey } from './rendezvous.ts';

/** What must be equal at both gateways, so that the blocks have the same bits. */
export interface PrefixModel {
  identity: string;
  content: string;
  numerics: string;
}

/** Sends blocks to the gateway at `address`. Resolves to false if it cannot use them. Rejects if it is not reached. */
export type SendPrefix = (address: string, model: PrefixModel, prefix: KvPrefix) => Promise<boolean>;

/** Time for all blocks of a stream. What arrives later is not waited for; the other gateway computes it. */
const MOST_MS = 2_000;

interface HandOverOptions {
  peers: Pick<Peers, 'heirOf'>;
  send: SendPrefix;
  engine: Pick<EngineClient, 'readPrefix'>;
  /** Id of the model. */
  id: string;
  model: PrefixModel;
  prompt: readonly number[];
  salt: string;
  /** Ids of the open generations. */
  generations: readonly string[];
  log: (message: string) => void;
}

/** The address of the gateway that got the blocks of all generations. Undefined if no gateway got all of them in time. */
export async function handOver(options: HandOverOptions): Promise<string | undefined> {
  const { peers, id, prompt, salt, generations, log } = options;
  const heir = peers.heirOf(prefixKey(id, prompt, salt) ?? `${id}\0${salt}\0${prompt}`, id);
  if (heir === undefined) return undefined;
  const until = performance.now() + MOST_MS;
  try {
    for (const generation of generations) {
      if (!(await sendAll(generation, heir.transfer, { ...options, until }))) return undefined;
    }
    return heir.address;
  } catch (error) {
    log(`gateway ${heir.address} did not take over the keys and values of a stream: ${errorText(error)}`);
    return undefined;
  }
}

/** Whether all blocks of the generation were sent before `until`. */
async function sendAll(
  generation: string,
  address: string,
  { send, engine, model, until }: HandOverOptions & { until: number },
): Promise<boolean> {
  for (let first = 0; performance.now() < until; ) {
    const prefix = await engine.readPrefix(generation, first);
    if (prefix === undefined) return true;
    if (!(await send(address, model, prefix))) return false;
    first = prefix.end;
  }
  return false;
}
