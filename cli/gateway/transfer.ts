// Exchanges keys and values of streams with other gateways, over the same transport and with the same credentials as calls to shards.
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { PrefixModel, SendPrefix } from '../../gateway/api/peers/hand-over.ts';
import type { EngineClient, KvPrefix, RequestRouting } from '../../gateway/engine/messages.ts';
import { parseAddress } from '../../rpc/address.ts';
import { RpcError } from '../../rpc/errors.ts';
import { isMap } from '../../rpc/messages.ts';
import type { Security } from '../../rpc/security/credentials.ts';
import { listen } from '../../rpc/socket/server.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Params, Transport, Value } from '../../rpc/transport.ts';

const PUT = 'kv.put';
/** Deadline of each piece, which has a few megabytes. */
const PUT_MS = 2_000;
/** A connection to another gateway ends after this time without a piece. */
const IDLE_MS = 5_000;

/** The exchange of keys and values with other gateways. */
export interface Transfer {
  send: SendPrefix;
  /** The port at which this gateway takes them over. */
  port: number;
}

interface TransferOptions {
  host: string;
  port: number;
  security?: Security;
  /** The engines of this gateway. */
  engines: readonly EngineClient[];
  log: Pick<Logger, 'warn' | 'info'>;
}

export async function openTransfer({
  host,
  port,
  security,
  engines,
  log,
}: TransferOptions): Promise<Transfer> {
  const server = await listen({
    host,
    port,
    ...(security && { security }),
    handlers: {
      hello: async () => ({ role: 'gateway' }),
      [PUT]: async (params) => ({ taken: await take(params, engines) }),
    },
    onRefused: (error, from) => log.warn(`refused a gateway at ${from}: ${error.message}`),
  });
  return { send: prefixSender(security), port: server.address.port };
}

/** Whether an engine has the blocks now. Throws if the parameters are malformed or their hash differs. */
async function take(params: Params, engines: readonly EngineClient[]): Promise<boolean> {
  const { model, prefix } = prefixOf(params);
  const engine = engines.find(
    ({ info }) => info.identity === model.identity && info.content === model.content,
  );
  if (engine === undefined || (await engine.status()).numerics !== model.numerics) return false;
  return await engine.writePrefix(prefix);
}

/** A function that sends blocks. It keeps a connection to each gateway for a few seconds. */
function prefixSender(security: Security | undefined): SendPrefix {
  const open = new Map<string, { transport: Promise<Transport>; timer: NodeJS.Timeout }>();
  const close = (address: string) => {
    const known = open.get(address);
    open.delete(address);
    clearTimeout(known?.timer);
    known?.transport.then((transport) => transport.close()).catch(() => {}); // its user has got the error
  };
  const connect = (address: string): Promise<Transport> => {
    const known = open.get(address);
    if (known !== undefined) {
      known.timer.refresh();
      return known.transport;
    }
    const transport = openSocketTransport(parseAddress(address), { hello: { role: 'gateway' }, security });
    const timer = setTimeout(() => close(address), IDLE_MS).unref();
    open.set(address, { transport, timer });
    return transport;
  };
  return async (address, model, prefix) => {
    try {
      const transport = await connect(address);
      const answer = await transport.call(PUT, paramsOf(model, prefix), { deadlineMs: PUT_MS, bulk: true });
      return isMap(answer) && answer.taken === true;
    } catch (error) {
      close(address);
      throw error;
    }
  };
}

function paramsOf(model: PrefixModel, { ids, first, end, bytes, cacheSalt, routing }: KvPrefix): Params {
  const idBytes = new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
  return {
    ...model,
    cacheSalt,
    ...routingParams(routing),
    ids: idBytes,
    first,
    end,
    bytes,
    sha256: hashOf(idBytes, bytes),
  };
}

function prefixOf(params: Params): { model: PrefixModel; prefix: KvPrefix } {
  const { ids, bytes, sha256 } = params;
  if (!(ids instanceof Uint8Array) || !(bytes instanceof Uint8Array))
    throw malformed('ids and bytes are not bytes');
  if (ids.length % Int32Array.BYTES_PER_ELEMENT !== 0) throw malformed('ids has an incomplete id');
  if (sha256 !== hashOf(ids, bytes)) throw malformed('the hash differs from that of the bytes');
  return {
    model: {
      identity: text(params.identity, 'identity'),
      content: text(params.content, 'content'),
      numerics: text(params.numerics, 'numerics'),
    },
    prefix: {
      ids: new Int32Array(new Uint8Array(ids).buffer), // a copy, because the bytes of a frame may be unaligned
      first: count(params.first, 'first'),
      end: count(params.end, 'end'),
      bytes: new Uint8Array(bytes),
      cacheSalt: text(params.cacheSalt, 'cacheSalt'),
      routing: routingOf(params),
    },
  };
}

/**
 * Gateways of older releases know only `expertsPerToken`, where an empty list stands for the checkpoint's numbers. They refuse parameters
 * without it, so that they do not take the blocks of another routing for theirs.
 */
function routingParams({ expertsPerToken = [], unsureBudget }: RequestRouting): Params {
  return unsureBudget === undefined ? { expertsPerToken: [...expertsPerToken] } : { unsureBudget };
}

function routingOf({ expertsPerToken, unsureBudget }: Params): RequestRouting {
  if (unsureBudget !== undefined) return { unsureBudget: count(unsureBudget, 'unsureBudget') };
  if (!Array.isArray(expertsPerToken)) throw malformed('expertsPerToken is no list');
  const numbers = expertsPerToken.map((each) => count(each, 'expertsPerToken'));
  return numbers.length === 0 ? {} : { expertsPerToken: numbers };
}

function text(value: Value | undefined, name: string): string {
  if (typeof value === 'string') return value;
  throw malformed(`${name} is no text`);
}

function count(value: Value | undefined, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(`${name} is no count`);
}

function malformed(why: string): RpcError {
  return new RpcError('invalid', `${PUT}: ${why}`);
}

function hashOf(ids: Uint8Array, bytes: Uint8Array): string {
  return createHash('sha256').update(ids).update(bytes).digest('hex');
}
