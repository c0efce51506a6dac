import { afterEach, describe, expect, test } from 'vitest';
import { encodeMessage } from '../../rpc/codec.ts';
import { wirePath } from '../../rpc/socket/wire-socket.ts';
import { framed } from '../rpc/framed.ts';
import { type FastCall, fastCall } from '../support/network/fast-frames.ts';
import { uniform } from '../support/random.ts';
import { Victim } from './process/fuzz.ts';
import { servedModel as model } from './served.ts';
import { callOf, fastCallBreaker, outcomeOf, serve, slowCall, warm } from './served-calls.ts';
import { counted } from './shard.ts';

const { hidden, layers, experts } = model;
afterEach(() => {
  wirePath.isOn = true;
});

test('units are served by the addon once a call of their model has run, with the same answer', async () => {
  const { metrics, open } = await serve();
  const peer = await open();
  peer.write(fastCall(callOf(1)));
  const first = outcomeOf(await peer.next());
  expect(await counted(metrics, 'expertgrid_shard_expert_runs_total')).toBe(2);
  peer.write(fastCall(callOf(1)));
  expect(outcomeOf(await peer.next())).toEqual(first);
  expect(first.rows).toHaveLength(3 * hidden);
  expect(await counted(metrics, 'expertgrid_shard_expert_runs_total')).toBe(4);
  expect(await counted(metrics, 'expertgrid_shard_calls_total', { outcome: 'ok' })).toBe(2);
  expect(await counted(metrics, 'expertgrid_shard_rows_total', { priority: 'decode' })).toBe(6);
  expect(await counted(metrics, 'expertgrid_shard_fast_calls_total')).toBe(1);
  peer.write(fastCall(callOf(2, { layer: 0, asks: [0, 0] })));
  peer.write(fastCall(callOf(3, { layer: layers - 1, asks: [0, experts - 2] })));
  for (let i = 0; i < 2; i++) expect(outcomeOf(await peer.next()).rows).toHaveLength(hidden);
  expect(await counted(metrics, 'expertgrid_shard_fast_calls_total')).toBe(3);
});

test('any call gets the same outcome from the addon as from the handlers', async () => {
  const { service, open } = await serve();
  const fast = await open();
  const slow = await open();
  await warm(fast);
  const next = uniform(11);
  const below = (limit: number) => Math.floor(next() * limit);
  const odd = <T>(usual: T, ...others: T[]) => (next() < 0.95 ? usual : others[below(others.length)]!);
  for (let turn = 1; turn <= 600; turn++) {
    const count = 1 + below(4);
    const rows = Float32Array.from({ length: count * hidden }, () => next() - 0.5);
    if (next() < 0.05) rows[below(rows.length)] = odd(Number.NaN, Number.POSITIVE_INFINITY);
    const call = callOf(turn, {
      layer: odd(below(layers), layers, 40_000),
      priority: odd(below(2), 2),
      model: odd(model.identity, 'sha256:other', ''),
      deadlineMs: odd(5_000, 0),
      rows: odd(rows, rows.subarray(1), rows.subarray(0, 0)),
      asks: Array.from({ length: odd(1 + below(6), 0) }, () => [
        odd(below(count), count),
        odd(below(experts), experts, 65_535),
      ]).flat(),
    });
    fast.write(fastCall(call));
    slow.write(slowCall(call));
    const [a, b] = [outcomeOf(await fast.next()), outcomeOf(await slow.next())];
    expect(a).toEqual(b);
  }
  expect(service.counts.answered).toBeGreaterThan(400); // of 1,200; the others are refused
});

test('calls that arrive together are joined, and each gets its own answer', async () => {
  const { metrics, open } = await serve();
  const peer = await open();
  await warm(peer);
  const before = await counted(metrics, 'expertgrid_shard_expert_runs_total');
  const calls = Array.from({ length: 6 }, (_, i) => callOf(i + 1, { priority: i % 2, asks: [1, 3] }));
  const alone = new Map<number, number[] | undefined>();
  for (const call of calls) {
    peer.write(slowCall(call));
    const { id, rows } = outcomeOf(await peer.next());
    alone.set(id, rows);
  }
  const between = await counted(metrics, 'expertgrid_shard_expert_runs_total');
  peer.write(Buffer.concat(calls.map(fastCall)));
  const joined = new Map<number, number[] | undefined>();
  for (const _ of calls) {
    const { id, rows } = outcomeOf(await peer.next());
    joined.set(id, rows);
  }
  expect(joined).toEqual(alone);
  expect(between - before).toBe(6);
  expect((await counted(metrics, 'expertgrid_shard_expert_runs_total')) - between).toBe(1); // one run for six calls
  expect([...joined.keys()]).toEqual([1, 3, 5, 2, 4, 6]); // decode rows first
});

test('a frame may come in pieces of any size, between frames of other kinds', async () => {
  const { open } = await serve();
  const peer = await open();
  await warm(peer);
  const ping = framed(encodeMessage({ type: 'request', id: 77, method: 'ping', params: {} }));
  const bytes = Buffer.concat([fastCall(callOf(1)), ping, slowCall(callOf(2)), fastCall(callOf(3)), ping]);
  for (const size of [1, 3, 5, 22, 100, 999]) {
    for (let at = 0; at < bytes.length; at += size) {
      peer.write(bytes.subarray(at, at + size));
      if (at % 97 === 0) await new Promise(setImmediate);
    }
    const ids = [];
    for (let i = 0; i < 5; i++) {
      const message = await peer.next();
      if (message.type === 'response') ids.push(message.id);
    }
    expect(ids.sort((a, b) => a - b)).toEqual([1, 2, 3, 77, 77]);
  }
});

describe('a call that waits for its turn', () => {
  /** Calls of two layers: the second waits while the first runs. */
  const pair = (second: Partial<FastCall>) => [
    callOf(1, { asks: [0, 1] }),
    callOf(2, { layer: 1, asks: [0, 1], ...second }),
  ];

  test('is dropped and counted if its caller cancels it', async () => {
    const { metrics, open } = await serve();
    const peer = await open();
    await warm(peer);
    const cancel = framed(encodeMessage({ type: 'notification', method: 'cancel', params: { id: 2 } }));
    peer.write(Buffer.concat([...pair({}).map(fastCall), cancel]));
    const outcomes = [outcomeOf(await peer.next()), outcomeOf(await peer.next())];
    expect(outcomes.find(({ id }) => id === 2)).toEqual({ id: 2, code: 'cancelled' });
    expect(outcomes.find(({ id }) => id === 1)?.rows).toHaveLength(hidden);
    expect(await counted(metrics, 'expertgrid_shard_calls_total', { outcome: 'cancelled' })).toBe(1);
  });

  test('is answered with deadline if its deadline passes meanwhile', async () => {
    const { open } = await serve();
    const peer = await open();
    await warm(peer);
    const rows = Float32Array.from({ length: 64 * hidden }, (_, i) => Math.sin(i));
    const asks = Array.from({ length: 64 }, (_, row) => [row, row % experts]).flat();
    const calls = Array.from({ length: 60 }, (_, i) => callOf(i, { rows, asks }));
    // The calls before it fill several runs, which together take longer than a millisecond.
    calls.push(callOf(60, { layer: 1, deadlineMs: 1, asks: [0, 1] }));
    peer.write(Buffer.concat(calls.map(fastCall)));
    const codes: (string | undefined)[] = [];
    for (const _ of calls) codes.push(outcomeOf(await peer.next()).code);
    expect(codes.filter((code) => code !== undefined)).toEqual(['deadline']);
  });

  test('ends with its connection', async () => {
    const { service, open } = await serve();
    const peer = await open();
    await warm(peer);
    peer.write(Buffer.concat(pair({}).map(fastCall)));
    peer.end();
    await expect.poll(() => service.counts.inFlight).toBe(0);
    const other = await open();
    other.write(fastCall(callOf(1)));
    expect(outcomeOf(await other.next()).rows).toHaveLength(3 * hidden);
  });
});

test('a unit that is taken away is refused, and served again when it is back', async () => {
  const { service, open } = await serve();
  const peer = await open();
  await warm(peer);
  const placeable = service.placeable(model.identity)!;
  const call = callOf(1, { asks: [0, 1] });
  peer.write(fastCall(call));
  const before = outcomeOf(await peer.next());
  await placeable.remove([{ layer: 0, expert: 1 }]);
  peer.write(fastCall(call));
  expect(outcomeOf(await peer.next())).toEqual({ id: 1, code: 'not_held' });
  placeable.add([{ layer: 0, expert: 1 }]);
  for (let turn = 0; turn < 2; turn++) {
    peer.write(fastCall(call));
    expect(outcomeOf(await peer.next())).toEqual(before);
  }
});

test('a draining shard refuses fast calls too', async () => {
  const { service, open } = await serve();
  const peer = await open();
  await warm(peer);
  await service.drain();
  peer.write(fastCall(callOf(1)));
  expect(outcomeOf(await peer.next())).toEqual({ id: 1, code: 'draining' });
});

test('the shard survives broken fast frames, and answers valid ones correctly meanwhile', async () => {
  const { server, open } = await serve();
  const honest = await open();
  await warm(honest);
  honest.write(fastCall(callOf(1)));
  const expected = outcomeOf(await honest.next());
  const broken = fastCallBreaker(uniform(23));
  const victimOptions = { address: server.address, frameBytes: 100_000 };
  let victim = await Victim.open(victimOptions);
  let cut = 0;
  for (let turn = 1; turn <= 2_000; turn++) {
    const lives = await victim.survives(broken(turn));
    if (!lives) {
      cut++;
      victim = await Victim.open(victimOptions);
    }
    if (turn % 100 > 0) continue;
    honest.write(fastCall(callOf(1)));
    expect(outcomeOf(await honest.next())).toEqual(expected);
  }
  victim.end();
  expect(cut).toBeGreaterThan(50);
}, 60_000);

test('without the addon’s sockets, the handlers answer fast calls', async () => {
  wirePath.isOn = false;
  const { metrics, open } = await serve();
  const peer = await open();
  await warm(peer);
  peer.write(fastCall(callOf(1)));
  expect(outcomeOf(await peer.next()).rows).toHaveLength(3 * hidden);
  expect(await counted(metrics, 'expertgrid_shard_fast_calls_total')).toBe(0);
  expect(await counted(metrics, 'expertgrid_shard_calls_total', { outcome: 'ok' })).toBe(2);
});
