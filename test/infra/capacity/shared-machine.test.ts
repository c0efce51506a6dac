import { describe, expect, it } from 'vitest';
import { costsOf } from '../../../infra/capacity/costs.ts';
import { sharedSpeed } from '../../../infra/capacity/shared-machine.ts';
import { type Subject, workOf } from '../../../infra/capacity/step.ts';
import { fixed, nano } from './fixed.ts';

const subject: Subject = { shape: nano, costs: costsOf(fixed, nano) };
const step = { rows: 8, context: 100, groups: 4 };
const work = workOf(subject, step);
const wholeUs = work.engineUs + work.apiUs + work.clientUs + work.shardsUs;

describe('processes that share cores', () => {
  it('need at least the time of their work, and never use more than all cores', () => {
    for (const cores of [1, 2, 4, 64]) {
      for (const gateways of [1, 2, 3, 10]) {
        const { stepUs, busy } = sharedSpeed(subject, { cores, gateways, step });
        expect(busy).toBeLessThanOrEqual(1);
        expect(busy).toBeCloseTo((gateways * wholeUs) / cores / stepUs);
      }
    }
  });

  it('do not wait for each other if there are many cores', () => {
    const { stepUs } = sharedSpeed(subject, { cores: 10_000, gateways: 2, step });
    expect(stepUs / (work.engineUs + work.slowestUs + 6 * 50)).toBeCloseTo(1, 3);
  });

  it('use all cores if there are many gateways and clients take nothing', () => {
    const idle = { ...subject, costs: { ...subject.costs, client: { stepUs: 0, tokenUs: 0 } } };
    const used = [1, 4, 16, 64].map((gateways) => sharedSpeed(idle, { cores: 2, gateways, step }).busy);
    expect(used).toEqual(used.toSorted((a, b) => a - b));
    expect(used.at(-1)).toBeGreaterThan(0.97);
  });

  it('are as slow as the client if it takes more time than everything else', () => {
    const slow = { ...subject, costs: { ...subject.costs, client: { stepUs: 1e6, tokenUs: 0 } } };
    expect(sharedSpeed(slow, { cores: 64, gateways: 2, step }).stepUs / 2e6).toBeCloseTo(1, 2);
  });

  it('take turns on one core', () => {
    const { stepUs } = sharedSpeed(subject, { cores: 1, gateways: 1, step });
    expect(stepUs).toBeGreaterThanOrEqual(wholeUs);
    expect(stepUs).toBeLessThan(2 * wholeUs);
  });

  it('are faster together with more gateways and with more cores', () => {
    const rates = (sizes: readonly { cores: number; gateways: number }[]) =>
      sizes.map((size) => sharedSpeed(subject, { ...size, step }).tokensPerSecond);
    const byGateways = rates([1, 2, 3, 8].map((gateways) => ({ cores: 2, gateways })));
    const byCores = rates([1, 2, 4, 8].map((cores) => ({ cores, gateways: 3 })));
    expect(byGateways).toEqual(byGateways.toSorted((a, b) => a - b));
    expect(byCores).toEqual(byCores.toSorted((a, b) => a - b));
  });

  it('obey Little: rows of all gateways = tokens a second x time of a step', () => {
    const { stepUs, tokensPerSecond } = sharedSpeed(subject, { cores: 2, gateways: 3, step });
    expect((tokensPerSecond * stepUs) / 1e6).toBeCloseTo(3 * 8);
  });
});
