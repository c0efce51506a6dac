// The autoscaler against the worked examples of https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/.
import { expect, test } from 'vitest';
import {
  type AutoscalerState,
  type Metric,
  newAutoscaler,
  recommend,
  replicasFor,
  type SyncInput,
  sync,
} from '../../../infra/scaling/autoscaler.ts';
import type { Pace } from '../../../infra/scaling/rules.ts';

const all = (count: number) => ({ current: count, ready: count });
const level = { signal: 'x', kind: 'level' as const };
const share = { signal: 'x', kind: 'share' as const };
/** Without limits: the default behaviour of Kubernetes for adding allows ×2 or +4 in 15 s. */
const free: Pace = {
  stabilizationSeconds: 0,
  policies: [{ type: 'Percent', value: 10_000, periodSeconds: 15 }],
};
const defaults = {
  up: {
    stabilizationSeconds: 0,
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
  } satisfies Pace,
  down: {
    stabilizationSeconds: 300,
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  } satisfies Pace,
};

/** Syncs every 15 s. Each of `wanted` is what a metric of the kind share asks for. */
function run(
  from: number,
  wanted: readonly number[],
  paces: { up: Pace; down: Pace },
  limits = { min: 1, max: 1000 },
): number[] {
  let state: AutoscalerState = newAutoscaler;
  let current = from;
  return wanted.map((value, i) => {
    const metrics: Metric[] = [{ ...share, target: 1, value }];
    const input: SyncInput = { now: 15 * i, ...all(current), metrics, ...limits, ...paces };
    const synced = sync(state, input);
    state = synced.state;
    current = synced.decision.replicas;
    return current;
  });
}

test('the ratio of value and target multiplies the replicas: twice the target doubles them, half of it halves them', () => {
  expect(replicasFor({ ...level, target: 0.1 }, 0.2, all(5))).toBe(10);
  expect(replicasFor({ ...level, target: 0.1 }, 0.05, all(10))).toBe(5);
  expect(replicasFor({ ...level, target: 75 }, 90, all(50))).toBe(60);
});

test('a value within a tenth of its target changes nothing', () => {
  expect(replicasFor({ ...level, target: 100 }, 109, all(50))).toBe(50);
  expect(replicasFor({ ...level, target: 100 }, 91, all(50))).toBe(50);
  expect(replicasFor({ ...level, target: 100 }, 111, all(50))).toBe(56);
  expect(replicasFor({ ...share, target: 2 }, 10.9, all(5))).toBe(5);
  expect(replicasFor({ ...share, target: 2 }, 11.1, all(5))).toBe(6);
});

test('a share divides the sum by the target whatever is ready, and a level multiplies the ready pods only', () => {
  expect(replicasFor({ ...share, target: 2 }, 24, { current: 6, ready: 1 })).toBe(12);
  expect(replicasFor({ ...level, target: 50 }, 75, { current: 4, ready: 2 })).toBe(3);
});

test('values have three decimals, so that 2.1 is three times 0.7', () => {
  expect(2.1 / 0.7).toBeGreaterThan(3);
  expect(replicasFor({ ...share, target: 0.7 }, 2.1, all(1))).toBe(3);
});

test('the metric that asks for most decides, and is named', () => {
  const metrics: Metric[] = [
    { signal: 'queue', kind: 'share', target: 2, value: 8 },
    { signal: 'kv', kind: 'share', target: 0.5, value: 3 },
  ];
  expect(recommend(metrics, all(2))).toEqual({ wanted: 6, signal: 'kv' });
});

test('if a metric cannot be read, the others add replicas but remove none', () => {
  const missing: Metric = { ...share, target: 1, value: undefined };
  expect(recommend([missing, { ...share, target: 1, value: 9 }], all(3)).wanted).toBe(9);
  expect(recommend([missing, { ...share, target: 1, value: 1 }], all(3)).wanted).toBe(3);
  expect(recommend([missing], all(3))).toEqual({ wanted: 3, signal: undefined });
});

test('of several policies the one that allows most applies: 80 replicas become 72, 64, …, and below 40 four leave at a time', () => {
  const down: Pace = {
    stabilizationSeconds: 0,
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 10, periodSeconds: 15 },
    ],
  };
  const counts = run(80, Array(14).fill(10), { up: free, down });
  expect(counts).toEqual([72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10]);
});

test('by default, replicas double or grow by four in 15 s', () => {
  expect(run(1, Array(5).fill(100), defaults)).toEqual([5, 10, 20, 40, 80]);
});

test('a policy counts the changes within its period', () => {
  const up: Pace = { stabilizationSeconds: 0, policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }] };
  expect(run(1, Array(10).fill(9), { up, down: free })).toEqual([3, 3, 3, 3, 5, 5, 5, 5, 7, 7]);
});

test('removed replicas do not come back into the allowance of a policy for removing', () => {
  const down: Pace = { stabilizationSeconds: 0, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] };
  expect(run(5, Array(9).fill(1), { up: free, down })).toEqual([4, 4, 4, 4, 3, 3, 3, 3, 2]);
});

test('replicas leave only when nothing within the window has asked for more', () => {
  const calm = [4, ...Array<number>(25).fill(1)];
  const counts = run(4, calm, defaults);
  expect(counts.slice(0, 20)).toEqual(Array(20).fill(4));
  expect(counts[20]).toBe(1);
});

test('with a window for adding, replicas come only when everything within it has asked for more', () => {
  const up: Pace = { ...free, stabilizationSeconds: 60 };
  expect(run(1, [1, 5, 6, 7, 8, 9], { up, down: free })).toEqual([1, 1, 1, 1, 5, 6]);
});

test('no number is beyond the limits, and one outside them is brought back at once', () => {
  const limits = { min: 2, max: 6 };
  expect(run(3, [50, 0, 0], { up: free, down: { ...free, stabilizationSeconds: 0 } }, limits)).toEqual([
    6, 2, 2,
  ]);
  const outside = sync(newAutoscaler, { now: 0, ...all(9), metrics: [], ...limits, up: free, down: free });
  expect(outside.decision.replicas).toBe(6);
});
