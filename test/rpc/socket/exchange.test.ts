import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Exchange, type HopFrame } from '../../../rpc/socket/exchange.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import type { Line, Transport } from '../../../rpc/transport.ts';
import { uniform } from '../../support/random.ts';
import { behaviours, HIDDEN, type rightAnswer } from './exchange-peer.ts';

const model = 'sha256:exchanged';
const epoch = 2 ** 40 + 3;
let worker: Worker;
let port: number;
const seen: { id: number; params: Parameters<typeof rightAnswer>[0] }[] = [];

beforeAll(async () => {
  worker = new Worker(new URL('./exchange-peer.ts', import.meta.url));
  const [address] = await once(worker, 'message');
  port = address.port;
  worker.on('message', (call) => seen.push(call));
});
afterAll(() => worker.terminate());

async function open(): Promise<{ transport: Transport; line: (bulk: boolean) => Line }> {
  const transport = await openSocketTransport({ host: '127.0.0.1', port }, { hello: { protocol: 1 } });
  return {
    transport,
    line(bulk) {
      const line = transport.line?.(bulk);
      if (line === undefined) throw new Error('the transport has no line');
      return line;
    },
  };
}

const x = Float32Array.from({ length: 6 * HIDDEN }, (_, i) => Math.sin(i + 1));

function frameOn(line: Line, rows: number[], asks: number[], priority: 0 | 1 = 0): HopFrame {
  return { line, priority, deadlineMs: 1_234.5, rows, asks };
}

function run(layer: number, frames: HopFrame[], waitMs = 2_000) {
  const exchange = new Exchange({ model, layer, epoch, x, hidden: HIDDEN, frames });
  const sleptMs = exchange.run(waitMs);
  return { answers: exchange.answers, outcomes: exchange.outcomes(), sleptMs };
}

/** The answer that the peer must give: each asked row times (1 + expert). */
function expected(rows: readonly number[], asks: readonly number[]): number[] {
  return asks.flatMap((index, i) => {
    if (i % 2 === 1) return [];
    const row = rows[index]!;
    return [...x.subarray(row * HIDDEN, (row + 1) * HIDDEN)].map((v) => Math.fround(v * (1 + asks[i + 1]!)));
  });
}

const layerOf = (behaviour: (typeof behaviours)[number]) => behaviours.indexOf(behaviour);

test('sends each frame with all its fields, and gathers the answers in the order of the frames', async () => {
  const { transport, line } = await open();
  seen.length = 0;
  const frames = [frameOn(line(false), [4, 1], [0, 3, 1, 0, 0, 95]), frameOn(line(true), [2], [0, 7], 1)];
  const { answers, outcomes, sleptMs } = run(layerOf('answers'), frames);
  expect(outcomes).toEqual([{ is: 'answered' }, { is: 'answered' }]);
  expect([...answers]).toEqual(frames.flatMap(({ rows, asks }) => expected(rows, asks)));
  expect(sleptMs).toBeGreaterThan(0);
  await expect.poll(() => seen.length).toBe(2);
  const calls = seen.map(({ params: { rows, asks, ...fields } }) => fields);
  calls.sort((a, b) => Number(a.priority) - Number(b.priority)); // two connections may be read in any order
  expect(calls).toEqual([
    { model, layer: 0, priority: 0, epoch, dtype: 'f32', deadlineMs: 1_235 },
    { model, layer: 0, priority: 1, epoch, dtype: 'f32', deadlineMs: 1_235 },
  ]);
  transport.close();
});

test('any frames arrive as they were sent', async () => {
  const { transport, line } = await open();
  const next = uniform(5);
  const below = (limit: number) => Math.floor(next() * limit);
  for (let turn = 0; turn < 200; turn++) {
    const frames = Array.from({ length: 1 + below(4) }, () => {
      const rows = Array.from({ length: 1 + below(5) }, () => below(6));
      const asks = Array.from({ length: 1 + below(9) }, () => [below(rows.length), below(65_536)]).flat();
      return frameOn(line(below(2) === 1), rows, asks, below(2) === 1 ? 1 : 0);
    });
    const { answers, outcomes } = run(layerOf('answers'), frames);
    expect(outcomes.every(({ is }) => is === 'answered')).toBe(true);
    expect([...answers]).toEqual(frames.flatMap(({ rows, asks }) => expected(rows, asks)));
  }
  transport.close();
});

test('may send first and wait later, and sends no frame twice', async () => {
  const { transport, line } = await open();
  await expect.poll(() => seen.length).toBeGreaterThan(0);
  seen.length = 0;
  const frames = [frameOn(line(false), [2], [0, 7])];
  const exchange = new Exchange({ model, layer: 0, epoch, x, hidden: HIDDEN, frames });
  expect(exchange.run(0)).toBeLessThan(1);
  expect(exchange.outcomes()[0]?.is).toBe('sent');
  exchange.run(2_000);
  expect(exchange.outcomes()).toEqual([{ is: 'answered' }]);
  expect([...exchange.answers]).toEqual(expected([2], [0, 7]));
  await expect.poll(() => seen.length).toBe(1);
  transport.close();
});

test('waits for an answer that comes in pieces', async () => {
  const { transport, line } = await open();
  const { answers, outcomes } = run(layerOf('answers in pieces'), [frameOn(line(false), [3], [0, 1])]);
  expect(outcomes).toEqual([{ is: 'answered' }]);
  expect([...answers]).toEqual(expected([3], [0, 1]));
  transport.close();
});

describe('leaves to the event loop what is not a good answer in the fast layout', () => {
  const options = { deadlineMs: 2_000 };
  test.each([
    'answers as the codec does',
    'notifies, then answers',
    'answers after 200 ms',
    'answers under another id, then under the right one',
    'answers a number that is not finite',
    'answers too few rows',
  ] as const)('%s', async (behaviour) => {
    const { transport, line } = await open();
    const { outcomes } = run(layerOf(behaviour), [frameOn(line(false), [5], [0, 2, 0, 4])], 20);
    const [outcome] = outcomes;
    if (outcome?.is !== 'sent') throw new Error(`the frame is ${outcome?.is}`);
    const answer = await line(false).answerTo(outcome.id, 'expert.run', options);
    expect(answer).toHaveProperty('rows');
    transport.close();
  });

  test('fails', async () => {
    const { transport, line } = await open();
    const { outcomes } = run(layerOf('fails'), [frameOn(line(false), [5], [0, 2])]);
    const [outcome] = outcomes;
    if (outcome?.is !== 'sent') throw new Error(`the frame is ${outcome?.is}`);
    const answer = line(false).answerTo(outcome.id, 'expert.run', options);
    await expect(answer).rejects.toMatchObject({ code: 'busy' });
    transport.close();
  });

  test.each(['answers half and hangs up', 'hangs up'] as const)('%s', async (behaviour) => {
    const { line } = await open();
    const before = line(false);
    const from = performance.now();
    const { outcomes } = run(layerOf(behaviour), [frameOn(before, [5], [0, 2])]);
    expect(performance.now() - from).toBeLessThan(1_000); // the wait has ended early
    const [outcome] = outcomes;
    if (outcome?.is !== 'sent') throw new Error(`the frame is ${outcome?.is}`);
    const answer = before.answerTo(outcome.id, 'expert.run', options);
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' });
  });
});

test('a frame on a connection that has closed is not sent', async () => {
  const { transport, line } = await open();
  const closed = line(false);
  transport.close();
  expect(run(0, [frameOn(closed, [0], [0, 0])]).outcomes).toEqual([{ is: 'not_sent' }]);
});

test('a later call on the same connection works after an exchange that has ended early', async () => {
  const { transport, line } = await open();
  const early = run(layerOf('answers after 200 ms'), [frameOn(line(false), [5], [0, 2])], 1);
  expect(early.outcomes[0]?.is).toBe('sent');
  const { answers, outcomes } = run(layerOf('answers'), [frameOn(line(false), [1], [0, 9])]);
  expect(outcomes).toEqual([{ is: 'answered' }]);
  expect([...answers]).toEqual(expected([1], [0, 9]));
  transport.close();
});
