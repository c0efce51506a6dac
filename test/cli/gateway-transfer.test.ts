// Keys and values that one gateway hands over to another, over real sockets.
import { expect, onTestFinished, test } from 'vitest';
import { openTransfer } from '../../cli/gateway/transfer.ts';
import { HandOvers, type PrefixModel } from '../../gateway/api/peers/hand-over.ts';
import type { KvPrefix } from '../../gateway/engine/messages.ts';
import { RpcError } from '../../rpc/errors.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Params } from '../../rpc/transport.ts';
import { FakeEngine } from '../support/engines/fake-engine.ts';

const model: PrefixModel = { identity: 'fake', content: 'fake', numerics: 'fake' };

class TakingEngine extends FakeEngine {
  readonly taken: KvPrefix[] = [];
  override async writePrefix(prefix: KvPrefix): Promise<boolean> {
    this.taken.push(prefix);
    return true;
  }
}

async function open(engines: readonly FakeEngine[] = []) {
  const log = { warn: () => {}, info: () => {} };
  return await openTransfer({ host: '127.0.0.1', port: 0, engines, log });
}

function piece(first: number, end: number): KvPrefix {
  return {
    ids: Int32Array.from({ length: 4 * end }, (_, i) => i),
    first,
    end,
    bytes: Uint8Array.from({ length: 100 * (end - first) }, (_, i) => i % 251),
    cacheSalt: 'key/é',
    routing: first === 0 ? { expertsPerToken: [2] } : { unsureBudget: 3 },
  };
}

test('blocks arrive at the engine of the same bundle as they were sent', async () => {
  const engine = new TakingEngine({ vocab: 10 });
  const other = new TakingEngine({ vocab: 10 });
  Object.assign(other.info, { content: 'another bundle' });
  const [from, to] = [await open(), await open([other, engine])];
  const address = `127.0.0.1:${to.port}`;
  expect(await from.send(address, model, piece(0, 3))).toBe(true);
  expect(await from.send(address, model, piece(3, 40_000))).toBe(true);
  expect(engine.taken).toEqual([piece(0, 3), piece(3, 40_000)]);
  expect(other.taken).toEqual([]);
});

test('blocks of another numerics class or bundle are not taken', async () => {
  const engine = new TakingEngine({ vocab: 10 });
  const [from, to] = [await open(), await open([engine])];
  const address = `127.0.0.1:${to.port}`;
  expect(await from.send(address, { ...model, numerics: 'other' }, piece(0, 1))).toBe(false);
  expect(await from.send(address, { ...model, content: 'other' }, piece(0, 1))).toBe(false);
  expect(engine.taken).toEqual([]);
});

test('malformed or damaged blocks are refused by name, and the gateway serves on', async () => {
  const engine = new TakingEngine({ vocab: 10 });
  const to = await open([engine]);
  const transport = await openSocketTransport({ host: '127.0.0.1', port: to.port }, { hello: {} });
  onTestFinished(() => transport.close());
  const good: Params = {
    ...model,
    ids: new Uint8Array(4),
    bytes: new Uint8Array(4),
    first: 0,
    end: 1,
    cacheSalt: '',
    expertsPerToken: [],
    sha256: 'af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc',
  };
  const put = (params: Params) => transport.call('kv.put', params, { deadlineMs: 5_000 });
  expect(await put(good)).toEqual({ taken: true });
  for (const [change, why] of [
    [{ bytes: new Uint8Array([0, 0, 0, 1]) }, 'the hash differs'],
    [{ ids: 'x' }, 'ids and bytes are not bytes'],
    [{ ids: new Uint8Array(3) }, 'incomplete id'],
    [{ first: -1 }, 'first is no count'],
    [{ expertsPerToken: 1 }, 'expertsPerToken is no list'],
    [{ identity: 7 }, 'identity is no text'],
  ] as const) {
    const error = await put({ ...good, ...change }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RpcError);
    expect((error as RpcError).message).toContain(why);
  }
  expect(await put(good)).toEqual({ taken: true });
  expect(engine.taken).toHaveLength(2);
});

test('a stream is handed over to its heir, and to none if the heir is lost', async () => {
  const engine = new TakingEngine({ vocab: 10 });
  const [from, to] = [await open(), await open([engine])];
  const logs: string[] = [];
  const options = {
    send: from.send,
    engine: {
      readPrefix: async (_: string, first: number) => (first < 6 ? piece(first, first + 2) : undefined),
    },
    id: 'm',
    model,
    prompt: [1, 2, 3],
    salt: '',
    generations: ['a', 'b'],
    log: (message: string) => void logs.push(message),
  };
  const heir = (transfer: number) => ({
    heirOf: () => ({ address: 'b:80', transfer: `127.0.0.1:${transfer}` }),
  });
  expect(await new HandOvers().add({ ...options, peers: heir(to.port) })).toBe('b:80');
  expect(engine.taken.map(({ first }) => first)).toEqual([0, 2, 4, 0, 2, 4]); // the prompt fills no block
  expect(await new HandOvers().add({ ...options, peers: { heirOf: () => undefined } })).toBeUndefined();
  expect(await new HandOvers().add({ ...options, peers: heir(1) })).toBeUndefined();
  expect(logs).toEqual([
    expect.stringMatching(/^gateway b:80 did not take over the keys and values of a stream: /),
  ]);
});

test('streams are handed over one after another, and none waits longer than the limit', async () => {
  let open = 0;
  let most = 0;
  const send = async (_: string, __: PrefixModel, { first }: KvPrefix) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, first === 99 ? 60_000 : 5));
    open--;
    return true;
  };
  const handOvers = new HandOvers({ mostMs: 200 });
  const add = (from: number) =>
    handOvers.add({
      send,
      peers: { heirOf: () => ({ address: 'b:80', transfer: 'b:1' }) },
      engine: {
        readPrefix: async (_, first) => (first < 3 ? piece(Math.max(from, first), from + 3) : undefined),
      },
      id: 'm',
      model,
      prompt: Array.from({ length: 9 }, (_, i) => i),
      salt: '',
      generations: ['a', 'b', 'c'],
      log: () => {},
    });
  expect(await Promise.all([add(0), add(0), add(0)])).toEqual(['b:80', 'b:80', 'b:80']);
  expect(most).toBe(1);
  const from = performance.now();
  expect(await Promise.all([add(99), add(0)])).toEqual([undefined, undefined]);
  expect(performance.now() - from).toBeLessThan(5_000);
});
