// Sends the keys and values of a stream to the gateway that will continue it, when this gateway leaves service.
import { setTimeout as delay } from 'node:timers/promises';
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

/** Most time for sending the blocks of all streams, from the moment when the gateway begins to leave service. */
const MOST_MS = 2_000;

interface HandOverOptions {
  peers: Pick<Peers, 'heirOf'>;
  send: SendPrefix;
  engine: Pick<EngineClient, 'readPrefix'>;
  /** Id of the model. */
  id: string;
  model: PrefixModel;
  /** Ids of the first prompt. */
  prompt: readonly number[];
  salt: string;
  /** Ids of the open generations. */
  generations: readonly string[];
  log: (message: string) => void;
}

/** Hands streams over one after another, so that a few megabytes are in memory and no transfer waits behind others on the wire. */
export class HandOvers {
  #last: Promise<unknown> = Promise.resolve();
  readonly #mostMs: number;

  constructor({ mostMs = MOST_MS }: { mostMs?: number } = {}) {
    this.#mostMs = mostMs;
  }

  /** The address of the gateway that got the blocks of all generations. Undefined if no gateway got all of them in time. */
  async add(options: HandOverOptions): Promise<string | undefined> {
    const until = performance.now() + this.#mostMs;
    const work = this.#last.then(() => handOver({ ...options, until }));
    this.#last = work;
    // A transfer that is late goes on until its next piece, but the stream does not wait for it.
    return await Promise.race([work, delay(this.#mostMs, undefined, { ref: false })]);
  }
}

async function handOver(options: HandOverOptions & { until: number }): Promise<string | undefined> {
  const { peers, id, prompt, salt, generations, log } = options;
  const heir = peers.heirOf(prefixKey(id, prompt, salt) ?? `${id}\0${salt}\0${prompt}`, id);
  if (heir === undefined) return undefined;
  try {
    let first = 0;
    for (const generation of generations) {
      const sent = await sendBlocks(generation, first, heir.transfer, options);
      if (sent === undefined) return undefined;
      // The other choices of a prompt begin with the same blocks.
      first ||= Math.floor(prompt.length / sent.blockSize);
    }
    return heir.address;
  } catch (error) {
    log(`gateway ${heir.address} did not take over the keys and values of a stream: ${errorText(error)}`);
    return undefined;
  }
}

/** Sends the blocks of a generation from number `from` on. Undefined if not all of them were taken before `until`. */
async function sendBlocks(
  generation: string,
  from: number,
  address: string,
  { send, engine, model, until }: HandOverOptions & { until: number },
): Promise<{ blockSize: number } | undefined> {
  let blockSize = Number.POSITIVE_INFINITY;
  for (let first = from; performance.now() < until; ) {
    const prefix = await engine.readPrefix(generation, first);
    if (prefix === undefined) return { blockSize };
    if (!(await send(address, model, prefix))) return undefined;
    first = prefix.end;
    blockSize = prefix.ids.length / prefix.end;
  }
  return undefined;
}
