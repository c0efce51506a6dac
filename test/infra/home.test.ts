// Which experts gateways hold themselves, and what a plan predicts that this brings.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHoldings } from '../../experts/holdings.ts';
import { type Heat, sharesOf } from '../../infra/placement/heat.ts';
import { chooseHome, type Home, homeList, homeUnits } from '../../infra/placement/home.ts';
import { contiguous } from '../../infra/placement/layout.ts';
import { type PlanOptions, plan } from '../../infra/placement/plan.ts';
import { predict } from '../../infra/placement/predict.ts';
import { defaultCost, layerMicroseconds } from '../../infra/placement/step-cost.ts';

const heats: fc.Arbitrary<Heat> = fc
  .record({ layers: fc.integer({ min: 1, max: 4 }), experts: fc.integer({ min: 1, max: 12 }) })
  .chain(({ layers, experts }) => {
    const rows = fc.oneof(fc.constant(0), fc.nat(20), fc.nat(10_000));
    const exactly = (length: number) => ({ minLength: length, maxLength: length });
    return fc.record({
      layers: fc.constant(layers),
      experts: fc.constant(experts),
      counts: fc.array(fc.array(rows, exactly(experts)), exactly(layers)),
    });
  });

const taken = (home: Home) => homeUnits(home).map(({ layer, expert }) => `${layer}:${expert}`);

describe('the experts on gateways', () => {
  it('fill the memory, and none that is left out is hotter than one that is chosen', () => {
    fc.assert(
      fc.property(heats, fc.nat(60), (heat, room) => {
        const home = chooseHome({ heat, room, order: 'hottest' });
        expect(taken(home)).toHaveLength(Math.min(room, heat.layers * heat.experts));
        const shares = sharesOf(heat);
        const heatOf = (is: number) =>
          home.flatMap((ofLayer, layer) => [...shares[layer]!].filter((_, expert) => ofLayer[expert] === is));
        expect(Math.min(1, ...heatOf(1))).toBeGreaterThanOrEqual(Math.max(0, ...heatOf(0)));
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('are those of earlier layers first if all are equally hot', () => {
    const even = { layers: 3, experts: 4, counts: Array.from({ length: 3 }, () => [5, 5, 5, 5]) };
    expect(taken(chooseHome({ heat: even, room: 6, order: 'hottest' }))).toEqual([
      ...['0:0', '0:1', '0:2', '0:3'],
      ...['1:0', '1:1'],
    ]);
  });

  it('are hotter in a layer with more experts for each row', () => {
    const even = {
      layers: 2,
      experts: 2,
      counts: [
        [5, 5],
        [5, 5],
      ],
    };
    expect(taken(chooseHome({ heat: even, room: 2, order: 'hottest', k: [1, 2] }))).toEqual(['1:0', '1:1']);
  });

  it('fill layer after layer in the order `layers`, the last one with its hottest experts', () => {
    const heat = {
      layers: 3,
      experts: 3,
      counts: [
        [1, 1, 1],
        [1, 9, 5],
        [90, 1, 1],
      ],
    };
    expect(taken(chooseHome({ heat, room: 5, order: 'layers' }))).toEqual([
      '0:0',
      '0:1',
      '0:2',
      '1:1',
      '1:2',
    ]);
  });
});

const even: Heat = {
  layers: 4,
  experts: 8,
  counts: Array.from({ length: 4 }, () => new Array<number>(8).fill(1_000)),
};
const skewed: Heat = { ...even, counts: even.counts.map(() => [6_000, 500, 500, 500, 500, 500, 500, 500]) };
const cost = defaultCost(1e6);

it('the list for gateways is read back as the same experts', () => {
  fc.assert(
    fc.property(heats, fc.integer({ min: 1, max: 30 }), (heat, room) => {
      const home = chooseHome({ heat, room, order: 'hottest' });
      expect(parseHoldings(homeList(home), heat)).toEqual(homeUnits(home));
    }),
    { seed: 4, numRuns: 100 },
  );
});

describe('a prediction with experts on gateways', () => {
  const withHome = (heat: Heat, home: Home, rows = 4) =>
    predict(contiguous(heat, 2), { heat, shards: 2, rows, cost, home });

  it('is the same as without if gateways hold none', () => {
    const none = chooseHome({ heat: even, room: 0, order: 'hottest' });
    const without = predict(contiguous(even, 2), { heat: even, shards: 2, rows: 4, cost });
    expect(withHome(even, none)).toEqual(without);
    expect(without).toMatchObject({ home: 0, hops: 4 });
  });

  it('has no frames and no hops if gateways hold all experts', () => {
    const all = chooseHome({ heat: even, room: 32, order: 'hottest' });
    expect(withHome(even, all)).toMatchObject({ frames: 0, hops: 0, home: 1 });
  });

  it('has the share of rows and of hops that follow from the heat', () => {
    const home = chooseHome({ heat: skewed, room: 4, order: 'hottest' }); // the hottest expert of each layer
    const share = sharesOf(skewed)[0]![0]!;
    for (const rows of [1, 4]) {
      const { home: stays, hops } = withHome(skewed, home, rows);
      expect(stays).toBeCloseTo(share, 1);
      expect(hops / 4).toBeCloseTo(1 - share ** rows, 1); // a hop is saved if all rows of the layer stay
    }
  });

  it('counts the gateway and the shards at the same time, and the longer of both', () => {
    const given = { layer: 10, frame: 1, hop: 100, expert: 5, row: 1 };
    expect(layerMicroseconds(given, [2, 0], [4, 0], { experts: 1, rows: 2 })).toBe(10 + 1 + 100 + 10 + 4);
    expect(layerMicroseconds(given, [2, 0], [4, 0], { experts: 30, rows: 50 })).toBe(10 + 1 + 150 + 50);
    expect(layerMicroseconds(given, [0, 0], [0, 0], { experts: 1, rows: 2 })).toBe(10 + 5 + 2);
  });
});

describe('a plan with memory on gateways', () => {
  const options: PlanOptions = {
    heat: even,
    shards: ['a', 'b'].map((name) => ({ name, memoryBytes: 16e6 })),
    unitBytes: 1e6,
    cost,
  };

  it('has no experts on gateways without such memory, and the same placement with it', () => {
    const without = plan(options);
    expect(without.home).toBeUndefined();
    expect(plan({ ...options, gatewayBytes: 8e6 }).layout).toEqual(without.layout);
  });

  it('holds the hottest experts for steps of one row, and whole layers for many rows if hops are expensive', () => {
    const one = plan({ ...options, heat: skewed, rows: 1, gatewayBytes: 8.9e6 }).home;
    expect(one?.order).toBe('hottest');
    expect(taken(one?.home ?? [])).toHaveLength(8);
    const uneven = {
      ...even,
      counts: even.counts.map((ofLayer, layer) => ofLayer.map((rows, i) => rows + ((5 * i + 3 * layer) % 8))),
    };
    const dear = { ...cost, hop: 1_000 };
    const many = plan({ ...options, heat: uneven, rows: 16, cost: dear, gatewayBytes: 8e6 }).home;
    expect(many?.order).toBe('layers');
    expect(many?.predicted).toMatchObject({ home: 0.25, hops: 3 });
    expect(taken(many?.home ?? [])).toEqual(even.counts[0]!.map((_, expert) => `0:${expert}`));
  });

  it('predicts the ratio of the step times as the gain, from the costs that it is given', () => {
    const { predicted, home } = plan({ ...options, rows: 2, gatewayBytes: 16e6 });
    expect(home?.gain).toBeCloseTo(predicted.stepMicroseconds / home!.predicted.stepMicroseconds, 12);
    expect(home?.gain).toBeGreaterThan(1);
    const slow = plan({ ...options, rows: 2, gatewayBytes: 16e6, cost: { ...cost, hop: 2_000 } });
    expect(slow.home?.gain).toBeGreaterThan(home!.gain);
    const all = plan({ ...options, rows: 2, gatewayBytes: 1e9 }).home;
    expect(all?.predicted).toMatchObject({ home: 1, hops: 0 });
  });

  it('is refused if the memory does not hold one expert', () => {
    expect(() => plan({ ...options, gatewayBytes: 5e5 })).toThrow('does not hold one expert');
  });
});
