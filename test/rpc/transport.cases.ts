// Tests that every transport and every server must pass. Run by socket-transport.test.ts and local-transport.test.ts.
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { RpcError } from '../../rpc/errors.ts';
import type {
  HandlerContext,
  Handlers,
  Params,
  Transport,
  TransportEvents,
  TransportServer,
  Value,
} from '../../rpc/transport.ts';

export interface ServeOptions {
  maxRunning?: number;
  /** Called with unexpected errors of handlers. */
  onError?: (error: RpcError, method: string) => void;
}

export interface OpenOptions extends TransportEvents {
  hello?: Params;
}

export interface Served {
  server: TransportServer;
  open(options: OpenOptions & { hello: Params }): Promise<Transport>;
}

/** Serves the handlers. `close` closes everything that was opened. */
export interface TransportUnderTest {
  serve(handlers: Handlers, options: ServeOptions): Promise<Served>;
  close(): Promise<void>;
}

const soon = { deadlineMs: 5_000 };

export function describeTransport(name: string, { serve, close }: TransportUnderTest): void {
  async function open(
    handlers: Handlers,
    { maxRunning, onError, hello = {}, ...events }: OpenOptions & ServeOptions = {},
  ): Promise<Transport> {
    const options = { ...(maxRunning !== undefined && { maxRunning }), ...(onError && { onError }) };
    return (await serve(handlers, options)).open({ hello, ...events });
  }

  describe(`a transport ${name}`, () => {
    afterEach(close);

    test('has the answer to hello, and the handler of hello gets the parameters', async () => {
      const seen: Params[] = [];
      const hello = async (params: Params) => {
        seen.push(params);
        return { instance: 'a' };
      };
      const transport = await open({ hello }, { hello: { protocol: 1 } });
      expect(transport.greeting).toEqual({ instance: 'a' });
      expect(seen[0]).toMatchObject({ protocol: 1 });
    });

    test('fails to open with the error that refused hello', async () => {
      const hello = async () => {
        throw new RpcError('incompatible', 'protocol 1, not 2');
      };
      await expect(open({ hello })).rejects.toMatchObject({
        code: 'incompatible',
        message: 'protocol 1, not 2',
      });
    });

    test('sends and returns values, including bytes', async () => {
      const transport = await open({ hello, echo });
      const params = { text: 'ä', list: [1, null, true], bytes: new Uint8Array([0, 255, 7]) };
      const answer = await transport.call('echo', params, soon);
      expect(JSON.stringify(answer)).toContain('"text":"ä","list":[1,null,true]');
      expect(answer).toMatchObject({ bytes: expect.objectContaining({ length: 3, 1: 255 }) });
    });

    test('calls over both connections', async () => {
      const transport = await open({ hello, echo });
      const answers = [true, false].map((bulk) => transport.call('echo', { bulk }, { ...soon, bulk }));
      expect(await Promise.all(answers)).toMatchObject([{ bulk: true }, { bulk: false }]);
    });

    test('gives each call its own answer, in whatever order the answers come', async () => {
      const late = async (params: Params) => {
        for (let turn = 0; turn < Number(params.turns); turn++) await nextTurn();
        return params.call ?? null;
      };
      const transport = await open({ hello, late });
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(20), { minLength: 1, maxLength: 30 }), async (turns) => {
          const calls = turns.map((count, call) => transport.call('late', { turns: count, call }, soon));
          expect(await Promise.all(calls)).toEqual(turns.map((_, call) => call));
        }),
        { seed: 3, numRuns: 20 },
      );
    });

    test('returns an error with its code and retryAfterMs', async () => {
      const transport = await open({
        hello,
        async full() {
          throw new RpcError('busy', 'later', { retryAfterMs: 30 });
        },
      });
      await expect(transport.call('full', {}, soon)).rejects.toMatchObject({
        code: 'busy',
        message: 'later',
        retryable: true,
        retryAfterMs: 30,
      });
    });

    test('turns an unexpected error of a handler into internal, and reports it on the answering side', async () => {
      const told: string[] = [];
      const transport = await open(
        {
          hello,
          async broken() {
            throw new TypeError('oops');
          },
        },
        { onError: (error, method) => told.push(`${method}: ${error.message}`) },
      );
      await expect(transport.call('broken', {}, soon)).rejects.toMatchObject({
        code: 'internal',
        message: 'oops',
      });
      expect(told).toEqual(['broken: oops']);
    });

    test.each(['missing', 'toString', '__proto__'])('refuses the unknown method %s', async (method) => {
      const transport = await open({ hello });
      await expect(transport.call(method, {}, soon)).rejects.toMatchObject({ code: 'unknown_method' });
    });

    test('answers ping without a handler', async () => {
      const transport = await open({ hello });
      expect(await transport.call('ping', {}, soon)).toEqual({});
    });

    test('gives the handler the deadline of the call', async () => {
      const leftMs = async (_: Params, { deadlineAt }: HandlerContext) => deadlineAt - performance.now();
      const transport = await open({ hello, leftMs });
      const left = Number(await transport.call('leftMs', {}, { deadlineMs: 5_000 }));
      expect(left).toBeGreaterThan(3_000);
      expect(left).toBeLessThanOrEqual(5_000);
    });

    test('rejects a call at its deadline and aborts the handler', async () => {
      const stuck = new Stuck();
      const transport = await open({ hello, stuck: stuck.handler });
      await expect(transport.call('stuck', {}, { deadlineMs: 20 })).rejects.toMatchObject({
        code: 'deadline',
        message: 'stuck was not answered within 20 ms',
      });
      expect(await stuck.aborted).toMatchObject({ code: 'cancelled' });
    });

    test('judges each call by its own deadline', async () => {
      const transport = await open({ hello, stuck: new Stuck().handler });
      const order: number[] = [];
      const calls = [400, 20].map((deadlineMs) =>
        transport.call('stuck', {}, { deadlineMs }).catch(() => order.push(deadlineMs)),
      );
      await Promise.all(calls);
      expect(order).toEqual([20, 400]);
    });

    test('does not send a call without time left', async () => {
      let started = 0;
      const transport = await open({
        hello,
        async count() {
          return ++started;
        },
      });
      await expect(transport.call('count', {}, { deadlineMs: 0 })).rejects.toMatchObject({
        code: 'deadline',
      });
      expect(await transport.call('count', {}, soon)).toBe(1);
    });

    test('rejects a call at once if its signal aborts, and aborts the handler', async () => {
      const stuck = new Stuck();
      const transport = await open({ hello, stuck: stuck.handler });
      const controller = new AbortController();
      const call = transport.call('stuck', {}, { ...soon, signal: controller.signal });
      await stuck.started;
      controller.abort();
      await expect(call).rejects.toMatchObject({ code: 'cancelled' });
      expect(await stuck.aborted).toMatchObject({ code: 'cancelled' });
    });

    test('does not send a call whose signal has aborted', async () => {
      const transport = await open({ hello, echo });
      const call = transport.call('echo', {}, { ...soon, signal: AbortSignal.abort() });
      await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    });

    test('leaves no listener on the signal of a call that has ended', async () => {
      const transport = await open({ hello, echo });
      const { signal } = new AbortController();
      let listeners = 0;
      const counted = Object.assign(signal, {
        addEventListener: () => void listeners++,
        removeEventListener: () => void listeners--,
      });
      await transport.call('echo', {}, { ...soon, signal: counted });
      expect(listeners).toBe(0);
    });

    test('answers busy beyond the limit of unanswered calls, and still answers the calls within the limit', async () => {
      const stuck = new Stuck();
      const transport = await open({ hello, echo, stuck: stuck.handler }, { maxRunning: 1 });
      const controller = new AbortController();
      const first = transport.call('stuck', {}, { ...soon, signal: controller.signal });
      await stuck.started;
      await expect(transport.call('echo', {}, soon)).rejects.toMatchObject({
        code: 'busy',
        retryAfterMs: 50,
      });
      controller.abort();
      await expect(first).rejects.toMatchObject({ code: 'cancelled' });
      await stuck.aborted;
      expect(await transport.call('echo', { a: 1 }, soon)).toMatchObject({ a: 1 });
    });

    test('rejects pending and later calls, aborts the handlers and does not call onClose, if it is closed', async () => {
      const closes: RpcError[] = [];
      const stuck = new Stuck();
      const transport = await open(
        { hello, stuck: stuck.handler },
        { onClose: (error) => closes.push(error) },
      );
      const pending = transport.call('stuck', {}, soon);
      await stuck.started;
      transport.close();
      await expect(pending).rejects.toMatchObject({ code: 'unavailable', retryable: true });
      await expect(transport.call('stuck', {}, soon)).rejects.toMatchObject({ code: 'unavailable' });
      await stuck.aborted;
      expect(closes).toEqual([]);
    });

    test('ignores a notification of a later version', async () => {
      const transport = await open({ hello, echo });
      transport.notify('from-the-future', {});
      expect(await transport.call('echo', { a: 1 }, soon)).toMatchObject({ a: 1 });
    });
  });

  describe(`a server ${name}`, () => {
    afterEach(close);

    /** Two callers, and the notifications that each of them gets. */
    async function withTwo(handlers: Handlers) {
      const { server, open } = await serve({ hello, ...handlers }, {});
      const heard: Record<string, string[]> = { a: [], b: [] };
      const closes: RpcError[] = [];
      const openAs = (name: 'a' | 'b') =>
        open({
          hello: { name },
          onNotification: (method, { text }) => heard[name]?.push(`${method} ${text}`),
          onClose: (error) => closes.push(error),
        });
      const [a, b] = [await openAs('a'), await openAs('b')];
      const names = () => new Set(server.callers().map((caller) => caller.hello.name));
      return { server, open, a, b, heard, closes, names };
    }

    test('lists its callers with the parameters of their hello until they disconnect', async () => {
      const { server, a, names } = await withTwo({});
      expect(names()).toEqual(new Set(['a', 'b']));
      const ofA = server.callers().filter((caller) => caller.hello.name === 'a');
      a.close();
      await expect.poll(names).toEqual(new Set(['b']));
      expect(ofA.every(({ connection }) => connection.aborted)).toBe(true);
    });

    test('gives handlers the hello and the connection of their caller', async () => {
      const seen: HandlerContext[] = [];
      const see = async (_: Params, context: HandlerContext) => {
        seen.push(context);
        return null;
      };
      const { server, b } = await withTwo({ see });
      await b.call('see', {}, soon);
      expect(seen[0]?.hello).toMatchObject({ name: 'b' });
      expect(server.callers().map(({ connection }) => connection)).toContain(seen[0]?.connection);
    });

    test('notifies every caller once, or a single caller', async () => {
      const { server, heard } = await withTwo({});
      server.broadcast('news', { text: 'all' });
      for (const caller of server.callers())
        if (caller.hello.name === 'a') caller.notify('news', { text: 'a' });
      await expect.poll(() => heard).toEqual({ a: ['news all', 'news a'], b: ['news all'] });
    });

    test('announces that it drains, refuses calls, lets running calls end and ends every connection, if it is closed', async () => {
      let release = () => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow = async () => {
        await gate;
        return 'done';
      };
      const { server, a, b, heard, closes, open } = await withTwo({ slow });
      const running = a.call('slow', {}, soon);
      await a.call('ping', {}, soon); // so that the earlier call has arrived
      const closing = server.close();
      await expect.poll(() => heard).toEqual({ a: ['draining undefined'], b: ['draining undefined'] });
      await expect(b.call('slow', {}, soon)).rejects.toMatchObject({ code: 'draining' });
      await expect(open({ hello: {} })).rejects.toMatchObject({ code: 'unavailable' });
      expect(closes).toEqual([]);
      release();
      expect(await running).toBe('done');
      await closing;
      await expect.poll(() => closes).toHaveLength(2);
      expect(closes[0]).toMatchObject({ code: 'unavailable', message: 'the peer has left service' });
      expect(server.callers()).toEqual([]);
    });

    test('aborts calls that take longer than graceMs', async () => {
      const stuck = new Stuck();
      const { server, a } = await withTwo({ stuck: stuck.handler });
      const call = a.call('stuck', {}, soon);
      await stuck.started;
      await Promise.all([
        expect(call).rejects.toMatchObject({ code: 'unavailable' }),
        server.close({ graceMs: 10 }),
      ]);
      expect(await stuck.aborted).toMatchObject({ code: 'unavailable' });
    });
  });
}

export async function hello(): Promise<Value> {
  return { instance: 'test' };
}

export async function echo(params: Params): Promise<Value> {
  return params;
}

/** A handler that ends only when it is aborted. */
export class Stuck {
  readonly started: Promise<void>;
  readonly aborted: Promise<unknown>;
  readonly handler: Handlers[string];

  constructor() {
    let tellStarted: () => void;
    let tellAborted: (reason: unknown) => void;
    this.started = new Promise((resolve) => {
      tellStarted = resolve;
    });
    this.aborted = new Promise((resolve) => {
      tellAborted = resolve;
    });
    this.handler = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        tellStarted();
        signal.addEventListener('abort', () => {
          tellAborted(signal.reason);
          reject(signal.reason);
        });
      });
  }
}

/** Blocks the thread, so that neither timers nor sockets are served. */
export function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
