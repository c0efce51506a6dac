// Scaling between zero and some replicas, as KEDA does it.
import { expect, test } from 'vitest';
import { activate, neverActive } from '../../../infra/scaling/activation.ts';

const settings = { threshold: 0, cooldownSeconds: 300, min: 2 };

test('a value above the threshold starts the least number of replicas, and a value at it starts none', () => {
  const at = { ...settings, now: 10, replicas: 0, threshold: 5 };
  expect(activate(neverActive, { ...at, value: 5 }).replicas).toBe(0);
  expect(activate(neverActive, { ...at, value: 6 })).toEqual({ state: { activeAt: 10 }, replicas: 2 });
  expect(activate(neverActive, { ...at, value: 6, min: 0 }).replicas).toBe(1);
});

test('while the trigger is active, the number is left to the autoscaler', () => {
  const poll = activate(neverActive, { ...settings, now: 10, replicas: 7, value: 1 });
  expect(poll).toEqual({ state: { activeAt: 10 }, replicas: 7 });
});

test('replicas go to zero when the cooldown has passed since the trigger was last active', () => {
  const state = { activeAt: 100 };
  const idle = { ...settings, replicas: 2, value: 0 };
  expect(activate(state, { ...idle, now: 400 })).toEqual({ state, replicas: 2 });
  expect(activate(state, { ...idle, now: 401 })).toEqual({ state, replicas: 0 });
});

test('an activation starts the cooldown again', () => {
  const { state } = activate({ activeAt: 100 }, { ...settings, now: 390, replicas: 2, value: 3 });
  expect(activate(state, { ...settings, now: 600, replicas: 2, value: 0 }).replicas).toBe(2);
});
