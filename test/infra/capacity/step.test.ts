import { describe, expect, it } from 'vitest';
import { costsOf } from '../../../infra/capacity/costs.ts';
import { expertWork, type Subject, stepUs, workOf } from '../../../infra/capacity/step.ts';
import { fixed, nano } from './fixed.ts';

const subject: Subject = { shape: nano, costs: costsOf(fixed, nano) };
const near = { roundTripUs: 0, shardWait: 0 };

describe('the work of a step', () => {
  it('of one row over one shard is one frame, one row and one expert a layer', () => {
    expect(workOf(subject, { rows: 1, context: 100, groups: 1 })).toEqual({
      frames: 6,
      engineUs: expect.closeTo(600 + 100 + 100 * 0.05 + 6 * 20),
      apiUs: 250,
      clientUs: 75,
      shardsUs: expect.closeTo(6 * (30 + 1 + 4)),
      slowestUs: expect.closeTo(6 * (30 + 1 + 4)),
    });
  });

  it('grows with rows, but less than they do, because rows share steps, frames and experts', () => {
    const [one, many] = [1, 32].map((rows) => workOf(subject, { rows, context: 0, groups: 4 }));
    for (const part of ['engineUs', 'apiUs', 'shardsUs'] as const) {
      expect(many![part]).toBeGreaterThan(one![part]);
      expect(many![part]).toBeLessThan(32 * one![part]);
    }
  });

  it('of the slowest shard is between a fair share and all work', () => {
    for (const groups of [1, 2, 8]) {
      const { shardsUs, slowestUs } = expertWork(subject, 16, groups);
      expect(slowestUs).toBeGreaterThanOrEqual(shardsUs / groups - 1e-9);
      expect(slowestUs).toBeLessThanOrEqual(shardsUs + 1e-9);
    }
  });

  it('counts k calls of a row with k experts', () => {
    const twice = { ...subject, shape: { ...nano, expertsPerToken: [2, 2, 2, 2, 2, 2] } };
    expect(expertWork(twice, 4, 2).shardsUs).toBeCloseTo(expertWork(subject, 8, 2).shardsUs);
  });
});

describe('the time of a step', () => {
  const step = { rows: 8, context: 100, groups: 2 };

  it('without a distance is the work of the engine, of the slowest shard and of waking', () => {
    const { engineUs, slowestUs } = workOf(subject, { ...step, rows: 1 });
    const took = stepUs(subject, { ...step, rows: 1 }, near);
    expect(took).toBeCloseTo(engineUs + slowestUs + 6 * 50);
  });

  it('grows with the distance, but less with micro-batches than the distance does', () => {
    const far = stepUs(subject, step, { roundTripUs: 2000, shardWait: 0 });
    expect(far).toBeGreaterThan(stepUs(subject, step, near));
    const { engineUs, slowestUs } = workOf(subject, step);
    expect(far).toBeLessThan(engineUs + slowestUs + 6 * 2050);
    expect(far).toBeGreaterThan(6 * 2050);
  });

  it('grows with waits at shards', () => {
    expect(stepUs(subject, step, { roundTripUs: 0, shardWait: 1.5 })).toBeGreaterThan(
      stepUs(subject, step, near),
    );
  });

  it('for a row falls with the number of rows', () => {
    const each = [1, 2, 4, 8, 16, 32, 64].map((rows) => stepUs(subject, { ...step, rows }, near) / rows);
    expect(each).toEqual(each.toSorted((a, b) => b - a));
  });
});
