import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costsOf } from '../../../infra/capacity/costs.ts';
import { limitsOf, lowest, type Size } from '../../../infra/capacity/limits.ts';
import { meanTokenUs } from '../../../infra/capacity/operate.ts';
import { planOf } from '../../../infra/capacity/request.ts';
import { type Sizing, sizeFor } from '../../../infra/capacity/size.ts';
import { type Settings, type Workload, WorkloadError } from '../../../infra/capacity/workload.ts';
import { fixed, nano, settings, workload } from './fixed.ts';

const sized = (given: Partial<Workload> = {}, chosen: Partial<Settings> = {}): Sizing =>
  sizeFor(fixed, nano, { ...workload, ...given }, { ...settings, ...chosen });

/** One cell. With several, rounding may save a shard when a cell is added. */
const one = { cellGateways: 1e9 };

describe('a region', () => {
  const rates = fc.double({ min: 0.01, max: 1e6, noNaN: true });
  const tokens = fc.integer({ min: 1, max: 1000 });
  const amounts = ({ region, cost }: Sizing) => [
    region.gateways,
    region.shards,
    region.memoryMiB,
    cost.hourly,
  ];

  function expectGrowth(small: Sizing, large: Sizing): void {
    const after = amounts(large);
    for (const [i, before] of amounts(small).entries())
      expect(after[i]).toBeGreaterThanOrEqual(before - 1e-9);
  }

  it('never shrinks as requests become more or longer', () => {
    fc.assert(
      fc.property(rates, rates, tokens, tokens, tokens, tokens, (a, b, c, d, e, f) => {
        const [rps, more] = [Math.min(a, b), Math.max(a, b)];
        const [prompt, longer] = [Math.min(c, d), Math.max(c, d)];
        const [answer, further] = [Math.min(e, f), Math.max(e, f)];
        const base = sized({ rps, prompt, answer }, one);
        expectGrowth(base, sized({ rps: more, prompt, answer }, one));
        expectGrowth(base, sized({ rps, prompt: longer, answer }, one));
        expectGrowth(base, sized({ rps, prompt, answer: further }, one));
      }),
      { numRuns: 100 },
    );
  });

  it('stays within the planned utilisation, also while a gateway and a shard of each group are away', () => {
    fc.assert(
      fc.property(
        rates,
        fc.double({ min: 0.1, max: 0.95, noNaN: true }),
        fc.integer({ min: 1, max: 8 }),
        (rps, utilisation, groups) => {
          const { usual, oneAway } = sized({ rps }, { utilisation, groups });
          expect(usual.fits).toBe(true);
          expect(usual.utilisation).toBeLessThanOrEqual(utilisation + 1e-9);
          expect(oneAway?.utilisation).toBeLessThanOrEqual(utilisation + 1e-9);
          expect(oneAway!.utilisation).toBeGreaterThan(usual.utilisation);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('needs fewer gateways if more of the prompts is cached', () => {
    const [none, most] = [0, 0.9].map((hitRate) => sized({ rps: 1000, hitRate }));
    expect(most!.region.gateways).toBeLessThan(none!.region.gateways);
    expect(most!.usual.firstTokenMs.p50).toBeLessThan(none!.usual.firstTokenMs.p50);
  });

  it('has as many cells as the number of gateways of a cell asks for', () => {
    const { region } = sized({ rps: 100_000 }, { cellGateways: 10 });
    expect(region.cell.gateways).toBeLessThanOrEqual(10);
    expect(region.gateways).toBe(region.cells * region.cell.gateways);
    expect(region.shards).toBe(region.cells * region.groups * region.cell.replicas);
    expect(sized({ rps: 1 }).region.cells).toBe(1);
  });

  it('has as many groups as the memory of a shard asks for', () => {
    const experts = (nano.layers * nano.experts * nano.unitBytes) / 2 ** 20;
    expect(sized({}, { shardMiB: experts / 3.5 }).region.groups).toBe(4);
    expect(sized({}, { shardMiB: 1e6 }).region.groups).toBe(1);
  });

  it('costs its cores and its memory, in all regions', () => {
    const { region, cost } = sized({}, { prices: { core: 2, gib: 3 } });
    expect(region.cores).toBe(2 * region.gateways + region.shards);
    expect(cost.hourly).toBeCloseTo(2 * (2 * region.cores + (3 * region.memoryMiB) / 1024));
    expect(cost.millionTokens).toBeCloseTo((1e6 * cost.hourly) / (50 * 200 * 3600));
  });
});

describe("Little's law", () => {
  it('gives the sequences that run from their rate and the time that each stays', () => {
    const given = { ...workload, rps: 40, regions: 1 };
    const { region, usual } = sizeFor(fixed, nano, given, settings);
    const plan = planOf({ shape: nano, costs: costsOf(fixed, nano) }, given, settings, region.groups);
    const stayUs = given.answer * meanTokenUs(plan, region.cell, 40, usual.running);
    expect((40 / region.gateways) * (stayUs / 1e6)).toBeCloseTo(usual.running, 6);
    expect(usual.kvBytes).toBeCloseTo(usual.running * (500 + 100) * nano.positionBytes);
  });
});

describe('the loss of a region', () => {
  it('gives the others its load', () => {
    const { usual, regionLost } = sized({ rps: 60, regions: 3 });
    expect(usual.rps).toBeCloseTo(20);
    expect(regionLost?.rps).toBeCloseTo(30);
    expect(regionLost!.utilisation).toBeCloseTo(1.5 * usual.utilisation);
  });

  it('is too much for two regions that are planned for more than half', () => {
    const large = { rps: 10_000, regions: 2 };
    const { regionLost } = sized(large, { redundancy: 1 });
    expect(regionLost).toMatchObject({ fits: false, firstTokenMs: { p50: Number.POSITIVE_INFINITY } });
    const { usual, regionLost: survived } = sized(large, { redundancy: 1, survivesRegion: true });
    expect(survived).toMatchObject({ fits: true });
    expect(survived!.utilisation).toBeLessThanOrEqual(0.6);
    expect(usual.utilisation).toBeLessThanOrEqual(0.3);
  });

  it('is unknown if there is only one region, and cannot be survived then', () => {
    expect(sized({ regions: 1 }).regionLost).toBeUndefined();
    expect(() => sized({ regions: 1 }, { survivesRegion: true })).toThrow('at least 2 regions');
  });
});

describe('limits', () => {
  it('begin with the part that breaks first, beyond which the cell does not fit', () => {
    const { limits, usual } = sized();
    expect(limits).toHaveLength(3);
    expect(usual.limit).toEqual(limits[0]);
    expect(lowest(limits)).toEqual(limits[0]);
  });

  it('name the part that has least left', () => {
    const first = (size: Size, api = fixed.api, kvMiB = 1024) => {
      const subject = { shape: nano, costs: costsOf({ ...fixed, api }, nano) };
      return limitsOf(planOf(subject, workload, { ...settings, kvMiB }, 1), size)[0]!.part;
    };
    const many = { gateways: 1, replicas: 100 };
    expect(first(many)).toBe('engines of gateways');
    expect(first({ gateways: 100, replicas: 1 })).toBe('shards');
    expect(first(many, { ...fixed.api, requestUs: 1e6 })).toBe('API of gateways');
    expect(first(many, fixed.api, 4)).toBe('memory of keys and values');
  });

  it('come nearer as fewer sequences fit in memory', () => {
    const [many, few] = [1024, 4].map((kvMiB) => sized({}, { kvMiB }).region);
    expect(few!.slots).toBe(Math.floor((4 * 2 ** 20) / (700 * 1536)));
    expect(few!.gateways).toBeGreaterThanOrEqual(many!.gateways);
  });
});

describe('numbers that make no sense', () => {
  it.each<[string, Partial<Workload>, Partial<Settings>]>([
    ['requests a second: 0 is not above 0', { rps: 0 }, {}],
    ['requests a second: -1 is not above 0', { rps: -1 }, {}],
    ['requests a second: NaN is not above 0', { rps: Number.NaN }, {}],
    ['requests a second: Infinity is not above 0', { rps: Number.POSITIVE_INFINITY }, {}],
    ['requests a second: 10000000000 is not above 0 and at most', { rps: 1e10 }, {}],
    ['tokens of a prompt: 0 is not at least 1', { prompt: 0 }, {}],
    ['tokens of an answer: 0 is not at least 1', { answer: 0 }, {}],
    ['have 4000 together, and nano has a context of 2048', { prompt: 2000, answer: 2000 }, {}],
    ['hit rate: 1 is not at least 0 and below 1', { hitRate: 1 }, {}],
    ['regions: 1.5 is not a whole number', { regions: 1.5 }, {}],
    ['redundancy: 0 is not a whole number', {}, { redundancy: 0 }],
    ['utilisation: 1 is not above 0 and below 1', {}, { utilisation: 1 }],
    ['groups: 97 is not a whole number from 1 to the 96 experts', {}, { groups: 97 }],
    ['gateways of a cell: 1 is not at least the redundancy of 2', {}, { cellGateways: 1 }],
    ['round trip: -1 is not at least 0', {}, { roundTripMs: -1 }],
    ['price of a core: -1 is not at least 0', {}, { prices: { core: -1, gib: 0 } }],
    ['one expert of each layer needs 1 MiB', {}, { shardMiB: 0.01 }],
    ['the keys and values of one sequence need 2 MiB', {}, { kvMiB: 1 }],
  ])('are refused: %s', (told, given, chosen) => {
    const refused = () => sized(given, chosen);
    expect(refused).toThrow(WorkloadError);
    expect(refused).toThrow(told);
  });
});
