// The parts of a simulated cell: groups of shards, gateways and pods.
import { expect, test } from 'vitest';
import { exampleCell } from '../../../../infra/scaling/simulator/cell-model.ts';
import {
  admit,
  advance,
  kvHeld,
  newWork,
  planStep,
  preempt,
} from '../../../../infra/scaling/simulator/gateway-model.ts';
import { loadOf } from '../../../../infra/scaling/simulator/hops.ts';
import { type Pod, scaleTo, serves, staying } from '../../../../infra/scaling/simulator/pods.ts';

const group = { capacity: 1_000, shards: 2, callMs: 1, mostCalls: 12 };
const sequence = (request: number, prompt: number, answer: number) => {
  return { request, arrivedAt: 0, prompt, answer, held: 0, generated: 0, queuedAt: 0 };
};
const model = {
  ...exampleCell.gateway,
  decodePerSecond: 100,
  prefillPerSecond: 400,
  tokenMs: 50,
  kvTokens: 200,
};

test('a half used group has one call at each shard, and its 99th percentile is that of an exponential time', () => {
  const load = loadOf({ ...group, rowsPerSecond: 500 });
  expect(load).toMatchObject({ utilisation: 0.5, inFlight: 2, meanMs: 2 });
  expect(load.p99Ms).toBeCloseTo(2 * Math.log(100), 9);
});

test('hops become slower with the load, up to what the calls of all gateways allow', () => {
  const p99 = [0, 300, 600, 900, 990, 5_000].map(
    (rowsPerSecond) => loadOf({ ...group, rowsPerSecond }).p99Ms,
  );
  expect(p99).toEqual(p99.toSorted((a, b) => a - b));
  expect(p99.at(-1)).toBeCloseTo((1 + 12 / 2) * Math.log(100), 9);
});

test('sequences start in their order while there is room for their prompts', () => {
  const work = newWork();
  work.waiting.push(sequence(0, 120, 10), sequence(1, 100, 10), sequence(2, 10, 10));
  expect(admit(work, model).map(({ request }) => request)).toEqual([0]);
  expect(work.waiting.map(({ request }) => request)).toEqual([1, 2]);
});

test('prompts and generated tokens slow each other by the same factor', () => {
  const work = newWork();
  work.running.push({ ...sequence(0, 40, 90), held: 40 }, sequence(1, 1_000, 10));
  const plan = planStep(work, model, 1, 0);
  // 20 tokens would take 0.2 s and the prompt all of the second.
  expect(plan.decode).toBeCloseTo(20 / 1.2, 9);
  expect(plan.prefill).toBeCloseTo(400 / 1.2, 9);
  expect(advance(work, plan, 0.5)).toEqual([]);
  expect(work.running.map(({ held }) => held)).toEqual([
    expect.closeTo(40 + 10 / 1.2, 9),
    expect.closeTo(200 / 1.2, 9),
  ]);
});

test('a sequence ends with its last token, and frees its memory', () => {
  const work = newWork();
  work.running.push({ ...sequence(0, 40, 15), held: 40 });
  const plan = planStep(work, model, 1, 0);
  expect(advance(work, plan, 1).map(({ generated }) => generated)).toEqual([15]);
  expect(kvHeld(work)).toBe(0);
});

test('if the KV memory overflows, the last request waits first in the queue and keeps its tokens', () => {
  const work = newWork();
  work.running.push(
    { ...sequence(0, 90, 50), held: 120, generated: 30 },
    { ...sequence(1, 90, 50), held: 95, generated: 5 },
  );
  work.waiting.push(sequence(2, 10, 10));
  preempt(work, model, 7);
  expect(work.running.map(({ request }) => request)).toEqual([0]);
  expect(work.waiting.map(({ request, held, generated }) => [request, held, generated])).toEqual([
    [1, 0, 5],
    [2, 0, 0],
  ]);
});

test('pods serve after their start; those that are not ready leave first, at once, and then the newest', () => {
  const pods: Pod<number>[] = [];
  const at = (now: number, count: number) => {
    scaleTo(pods, count, { now, startSeconds: 10, drainSeconds: 5, newWork: () => now });
  };
  at(0, 2);
  at(20, 3);
  at(25, 4);
  expect(pods.map((pod) => serves(pod, 30))).toEqual([true, true, true, false]);
  at(31, 2);
  expect(staying(pods).map(({ work }) => work)).toEqual([0, 0]);
  expect(pods.map(({ goneAt }) => goneAt)).toEqual([undefined, undefined, 36, 31]);
});
