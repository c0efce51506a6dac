// Checks the fits of the capacity model's calibration, and that the comparison uses no point of it.
import { describe, expect, it } from 'vitest';
import { costsOfCounts, type Load } from '../../../bench/capacity/costs-of-counts.ts';
import type { Counts } from '../../../bench/capacity/counts.ts';
import { errorsOf, fitCosts } from '../../../bench/capacity/fit.ts';
import { calibrated, compared } from '../../../bench/capacity/points.ts';
import { hopUsOf } from '../../../bench/capacity/waking.ts';
import { costsOf } from '../../../infra/capacity/costs.ts';
import { sharedSpeed } from '../../../infra/capacity/shared-machine.ts';
import { fixed, nano } from '../../infra/capacity/fixed.ts';

describe('a fit of costs', () => {
  const sample = (a: number, b: number, us: number) => ({ us, work: { a, b } });

  it('finds the costs that explain the times exactly', () => {
    const samples = [sample(1, 2, 3 + 14), sample(5, 1, 15 + 7), sample(2, 9, 6 + 63)];
    const costs = fitCosts(samples, ['a', 'b']);
    expect(costs).toEqual({ a: expect.closeTo(3), b: expect.closeTo(7) });
    expect(Math.max(...errorsOf(samples, costs).map(Math.abs))).toBeCloseTo(0);
  });

  it('gives no negative cost', () => {
    const costs = fitCosts([sample(1, 1, 10), sample(1, 2, 9), sample(1, 3, 8)], ['a', 'b']);
    expect(costs.b).toBe(0);
    expect(costs.a).toBeGreaterThan(8);
  });
});

it('costs of loads whose times follow from known costs are these costs', () => {
  const { engine, api, shard, client } = fixed;
  const load = (shards: number, streams: number, steps: number, prompt?: number): Load => {
    const requests = prompt === undefined ? streams : 6;
    const decoded = prompt === undefined ? streams * steps : 0;
    const counts: Omit<Counts, 'engineUs' | 'apiUs' | 'shardUs' | 'clientUs'> = {
      atMs: 1000,
      steps,
      microBatches: steps,
      generated: prompt === undefined ? decoded : requests,
      prompted: prompt === undefined ? 0 : requests * prompt,
      frames: 6 * shards * steps,
      expertRows: 6 * (decoded + requests * (prompt ?? 0)),
      expertRuns: 6 * steps * Math.min(96, streams + (prompt ?? 0)),
    };
    const context = prompt === undefined ? 100 * streams : 0;
    const pairs = prompt === undefined ? decoded * context : (requests * prompt ** 2) / 2;
    const answered = prompt === undefined ? steps : requests;
    const asked = prompt === undefined ? 0 : requests;
    return {
      counts: {
        ...counts,
        engineUs:
          steps * engine.stepUs +
          decoded * engine.rowUs +
          counts.prompted * engine.promptRowUs +
          counts.frames * engine.frameUs +
          pairs * engine.positionUs,
        apiUs:
          asked * api.requestUs +
          asked * (prompt ?? 0) * api.promptTokenUs +
          answered * api.stepUs +
          counts.generated * api.tokenUs,
        shardUs:
          counts.frames * shard.frameUs +
          counts.expertRows * shard.rowUs +
          counts.expertRuns * shard.expertUs,
        clientUs: steps * client.stepUs + counts.generated * client.tokenUs,
      },
      context,
      requests,
      ...(prompt !== undefined && { prompt }),
    };
  };
  const loads = [
    ...[1, 3, 12, 24].map((streams) => load(1, streams, 400)),
    ...[3, 12, 24].map((streams) => load(3, streams, 300)),
    ...[64, 192, 768].flatMap((prompt) => [load(1, 1, 12, prompt), load(3, 1, 18, prompt)]),
  ];
  const found = costsOfCounts(loads);
  for (const [part, costs] of Object.entries({ engine, shard, client })) {
    for (const [name, us] of Object.entries(costs))
      expect(found).toHaveProperty([part, name], expect.closeTo(us, 3));
  }
  // One token follows each prompt, so the cost of a request includes that of its step and cannot be told from it exactly.
  expect(found.api.promptTokenUs).toBeCloseTo(api.promptTokenUs, 3);
  expect(Math.max(...Object.values(found.worst))).toBeLessThan(1e-6);
});

it('the time of waking is the one with which the model predicts the measured step', () => {
  const costs = costsOf(fixed, nano);
  const step = { rows: 1, context: 300, groups: 1 };
  const { stepUs } = sharedSpeed(
    { shape: nano, costs: { ...costs, hopUs: 42 } },
    { cores: 2, gateways: 1, step },
  );
  const subject = { shape: nano, costs: { ...costs, hopUs: 0 } };
  expect(hopUsOf(subject, { stepUs, cores: 2, step })).toBeCloseTo(42, 3);
  expect(hopUsOf(subject, { stepUs: 1, cores: 2, step })).toBe(0);
});

it('the comparison measures no point of the calibration', () => {
  const named = (setups: typeof compared) =>
    setups.flatMap(({ gateways, shards, streams }) => streams.map((each) => `${gateways}/${shards}/${each}`));
  const used = new Set(named(calibrated));
  expect(used.size).toBeGreaterThan(5);
  expect(named(compared).filter((point) => used.has(point))).toEqual([]);
});
