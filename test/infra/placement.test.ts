import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { split } from '../../cli/flags/split.ts';
import { parsePlacement } from '../../experts/placing/placement-file.ts';
import type { Heat } from '../../infra/placement/heat.ts';
import { sharesOf } from '../../infra/placement/heat.ts';
import { contiguous, hottestOf, type Layout, loadsOf, unitsOf } from '../../infra/placement/layout.ts';
import { place } from '../../infra/placement/place.ts';
import { toLayout, toPlacement } from '../../infra/placement/placement.ts';
import { plan } from '../../infra/placement/plan.ts';
import { predict } from '../../infra/placement/predict.ts';
import { seatsOf } from '../../infra/placement/seats.ts';
import { defaultCost, layerMicroseconds } from '../../infra/placement/step-cost.ts';
import { staying } from '../../infra/placement/together.ts';

const seeded = { seed: 11, numRuns: 150 };

/** Heat with any distribution and a few successors. */
const heats: fc.Arbitrary<Heat> = fc
  .record({ layers: fc.integer({ min: 1, max: 4 }), experts: fc.integer({ min: 1, max: 12 }) })
  .chain(({ layers, experts }) => {
    const rows = fc.oneof(fc.constant(0), fc.nat(20), fc.nat(10_000));
    const follower = fc.tuple(fc.nat(experts - 1), fc.integer({ min: 1, max: 50 }));
    const ofExpert = fc.uniqueArray(follower, { maxLength: 4, selector: ([expert]) => expert });
    const exactly = (length: number) => ({ minLength: length, maxLength: length });
    return fc.record({
      layers: fc.constant(layers),
      experts: fc.constant(experts),
      counts: fc.array(fc.array(rows, exactly(experts)), exactly(layers)),
      successors: fc.array(fc.array(ofExpert, exactly(experts)), exactly(layers - 1)),
    });
  });

/** Heat, and shards that hold the model at least `replicas` times. */
const cases = heats.chain((heat) =>
  fc.integer({ min: 1, max: 5 }).chain((shards) =>
    fc
      .record({
        replicas: fc.integer({ min: 1, max: shards }),
        sizes: fc.array(fc.nat(heat.layers * heat.experts + 4), { minLength: shards, maxLength: shards }),
        fill: fc.boolean(),
      })
      .map(({ replicas, sizes, fill }) => {
        const units = heat.layers * heat.experts;
        const room = [...sizes];
        for (let shard = 0; held(room, units) < units * replicas; shard = (shard + 1) % shards) {
          room[shard] = Math.min(units, room[shard]! + 3);
        }
        return { heat, replicas, room, fill };
      }),
  ),
);

function held(room: readonly number[], units: number): number {
  return room.reduce((sum, there) => sum + Math.min(there, units), 0);
}

function hottestLoads(layout: Layout, heat: Heat, shards: number): number[] {
  return sharesOf(heat).map((shares, layer) => Math.max(...loadsOf(layout[layer]!, shares, shards)));
}

describe('a layout', () => {
  it('has every expert on at least the wanted number of shards, and no shard above its memory', () => {
    fc.assert(
      fc.property(cases, ({ heat, replicas, room, fill }) => {
        const layout = place({ heat, room, replicas, fill });
        expect(layout).toHaveLength(heat.layers);
        for (const holders of layout) {
          expect(holders).toHaveLength(heat.experts);
          for (const shards of holders) {
            expect(shards.length).toBeGreaterThanOrEqual(replicas);
            expect(shards).toEqual([...new Set(shards)].sort((a, b) => a - b));
            expect(shards.every((shard) => shard >= 0 && shard < room.length)).toBe(true);
          }
        }
        unitsOf(layout, room.length).forEach((units, shard) => {
          expect(units).toBeLessThanOrEqual(room[shard]!);
        });
      }),
      seeded,
    );
  });

  it('is the same for the same heat and shards', () => {
    fc.assert(
      fc.property(cases, (options) => {
        expect(place(structuredClone(options))).toEqual(place(options));
      }),
      { ...seeded, numRuns: 50 },
    );
  });

  it('has no hotter shard in any layer than contiguous placement, if contiguous placement fits', () => {
    fc.assert(
      fc.property(
        heats,
        fc.integer({ min: 1, max: 5 }),
        fc.nat(10),
        fc.boolean(),
        (heat, shards, spare, fill) => {
          const inOrder = contiguous(heat, shards);
          const room = unitsOf(inOrder, shards).map((units) => units + spare);
          const before = hottestLoads(inOrder, heat, shards);
          hottestLoads(place({ heat, room, fill }), heat, shards).forEach((load, layer) => {
            expect(load).toBeLessThanOrEqual(before[layer]! + 1e-9);
          });
        },
      ),
      seeded,
    );
  });

  it('puts an expert with more than a fair share of the rows on several shards, only in the layers that need it', () => {
    const even = new Array<number>(8).fill(100);
    const heat: Heat = { layers: 3, experts: 8, counts: [even, [5000, ...even.slice(1)], even] };
    const tight = place({ heat, room: [6, 6, 6, 6] });
    expect(hottestOf(loads(tight, heat, 4)[1]!)).toBeGreaterThan(3);
    const spared = place({ heat, room: [7, 7, 7, 7] });
    expect(spared[1]![0]).toEqual([0, 1, 2, 3]);
    expect(spared.flat(2)).toHaveLength(24 + 3);
    expect(hottestOf(loads(spared, heat, 4)[1]!)).toBeLessThan(1.05);
  });

  it('puts experts of consecutive layers with the same rows on one shard, and keeps the loads balanced', () => {
    // All rows of expert e go to expert 7 - e of the next layer. With contiguous placement, no row would stay on its shard.
    const counts = Array.from({ length: 4 }, () => new Array<number>(8).fill(1000));
    const successors = Array.from({ length: 3 }, () =>
      Array.from({ length: 8 }, (_, expert) => [[7 - expert, 1000] as const]),
    );
    const heat: Heat = { layers: 4, experts: 8, counts, successors };
    expect(staying(contiguous(heat, 2), successors)).toBe(0);
    const layout = place({ heat, room: [16, 16] });
    expect(staying(layout, successors)).toBe(1);
    for (const ofLayer of loads(layout, heat, 2)) expect(hottestOf(ofLayer)).toBeCloseTo(1, 6);
  });

  it('fills spare memory with replicas to save frames if `fill` is true', () => {
    const counts = Array.from({ length: 2 }, () => Array.from({ length: 24 }, (_, i) => 1000 / (i + 1)));
    const heat: Heat = { layers: 2, experts: 24, counts };
    const frames = (fill: boolean) => {
      const layout = place({ heat, room: [24, 24, 24, 24], fill });
      return predict(layout, { heat, shards: 4, rows: 4, cost: defaultCost(1e6) }).frames;
    };
    expect(frames(true)).toBeLessThan(0.8 * frames(false));
  });

  it('is refused if the model does not fit, with an error that says how many experts fit', () => {
    const heat: Heat = {
      layers: 2,
      experts: 4,
      counts: [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
    };
    expect(() => place({ heat, room: [3, 4] })).toThrow(
      '8 experts do not fit: the shards have room for 7 of 8',
    );
    expect(() => place({ heat, room: [8, 7], replicas: 2 })).toThrow('fit 2 times');
    expect(() => place({ heat, room: [8, 8], replicas: 3 })).toThrow('3 replicas need as many shards');
  });
});

function loads(layout: Layout, heat: Heat, shards: number): Float64Array[] {
  return sharesOf(heat).map((shares, layer) => loadsOf(layout[layer]!, shares, shards));
}

it('seats (places for experts, by layer and shard) add up in every layer and on every shard, for any memory', () => {
  fc.assert(
    fc.property(cases, ({ heat: { layers, experts }, room, replicas }) => {
      const seats = seatsOf({ layers, experts, room, replicas });
      for (const ofLayer of seats) {
        expect(ofLayer.reduce((sum, count) => sum + count, 0)).toBe(experts * replicas);
        expect(Math.max(...ofLayer)).toBeLessThanOrEqual(experts);
      }
      room.forEach((units, shard) => {
        expect(seats.reduce((sum, ofLayer) => sum + ofLayer[shard]!, 0)).toBeLessThanOrEqual(units);
      });
    }),
    seeded,
  );
});

describe('a prediction', () => {
  const heat: Heat = {
    layers: 2,
    experts: 6,
    counts: [
      [60, 50, 40, 30, 20, 10],
      [1, 1, 1, 1, 1, 1],
    ],
  };

  /** Expected frames of a layer with one replica of each unit: (1 - load)^rows is the probability that a shard gets no row. */
  function framesOf(loads: readonly number[], rows: number): number {
    return loads.reduce((sum, load) => sum + 1 - (1 - load) ** rows, 0);
  }

  it('has the frames that follow from the loads, if every unit has one replica', () => {
    for (const rows of [1, 3, 8]) {
      const { frames, loads: ofLayers } = predict(contiguous(heat, 3), {
        heat,
        shards: 3,
        rows,
        cost: defaultCost(1e6),
      });
      const expected = ofLayers.reduce((sum, ofLayer) => sum + framesOf(ofLayer, rows), 0);
      expect(Math.abs(frames - expected)).toBeLessThan(0.15);
    }
  });

  it('sends rows of replicated experts to shards that get a frame anyway', () => {
    const everywhere: Layout = Array.from({ length: 2 }, () => new Array<number[]>(6).fill([0, 1, 2]));
    const { frames, hottest } = predict(everywhere, { heat, shards: 3, rows: 8, cost: defaultCost(1e6) });
    expect([frames, hottest]).toEqual([2, expect.closeTo(1, 9)]);
  });

  it('draws k different experts for each row, with the k of the layer', () => {
    const apart: Layout = [Array.from({ length: 6 }, (_, expert) => [expert])];
    const one = { ...heat, layers: 1, counts: heat.counts.slice(0, 1) };
    expect(predict(apart, { heat: one, shards: 6, rows: 1, k: [4], cost: defaultCost(1e6) }).frames).toBe(4);
  });

  it('takes no longer if nearly all rows use fewer experts than a row needs', () => {
    const counts = [[1e12, ...new Array<number>(5).fill(0)]];
    const hot = { layers: 1, experts: 6, counts };
    const begun = performance.now();
    const { frames } = predict(contiguous(hot, 6), {
      heat: hot,
      shards: 6,
      rows: 1,
      k: [3],
      cost: defaultCost(1e6),
    });
    expect(frames).toBe(3);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  it('counts the slowest shard of a layer', () => {
    const cost = { layer: 100, frame: 10, hop: 50, expert: 20, row: 1 };
    expect(layerMicroseconds(cost, [2, 0, 1], [2, 0, 9])).toBe(100 + 2 * 10 + 50 + 2 * 20 + 2 * 1);
    expect(layerMicroseconds(cost, [0, 0], [0, 0])).toBe(100);
  });
});

describe('a plan', () => {
  const counts = Array.from({ length: 3 }, () => Array.from({ length: 16 }, (_, i) => 1000 / (i + 1)));
  const heat: Heat = { layers: 3, experts: 16, counts };
  const shards = Array.from({ length: 4 }, (_, index) => ({ name: `s${index}`, memoryBytes: 48e6 }));
  const options = { heat, shards, unitBytes: 1e6, rows: 16 };

  it('reports fewer shards that are faster if frames are expensive, and none if experts are expensive', () => {
    const large = [
      { name: 's0', memoryBytes: 48e6 },
      ...shards.slice(1).map(({ name }) => ({ name, memoryBytes: 16e6 })),
    ];
    const dear = plan({ ...options, shards: large, cost: { frame: 1000, expert: 1, row: 0 } });
    expect(dear.fewer?.shards).toEqual(['s0']);
    expect(dear.fewer?.ratio).toBeGreaterThan(1.1);
    expect(plan({ ...options, shards: large, cost: { frame: 1, expert: 1000 } }).fewer).toBeUndefined();
  });

  it('reports only the shards with the most memory, and enough of them to hold the model', () => {
    const sizes = [12e6, 24e6, 20e6, 30e6];
    const uneven = shards.map(({ name }, index) => ({ name, memoryBytes: sizes[index]! }));
    const { fewer } = plan({ ...options, shards: uneven, cost: { frame: 1000, expert: 1, row: 0 } });
    expect(fewer?.shards).toEqual(['s3', 's1']);
  });

  it('lowers the hottest load, stays within memory, and says whether contiguous placement fits', () => {
    const made = plan(options);
    expect(made.predicted.hottest).toBeLessThan(1.05);
    expect(made.contiguous.hottest).toBeGreaterThan(1.8);
    expect(made.contiguousFits).toBe(true);
    const sizes = [6e6, 14e6, 14e6, 14e6];
    const uneven = shards.map(({ name }, index) => ({ name, memoryBytes: sizes[index]! }));
    const tight = plan({ ...options, shards: uneven });
    expect([tight.contiguousFits, tight.units]).toEqual([false, [6, 14, 14, 14]]);
  });
});

describe('a placement file', () => {
  it('gives the same layout after it was written and read', () => {
    fc.assert(
      fc.property(cases, ({ heat, replicas, room }) => {
        const layout = place({ heat, room, replicas });
        const names = room.map((_, shard) => `shard-${shard}`);
        const placement = toPlacement({ layout, names, model: 'sha256:m', epoch: 7 });
        const read = parsePlacement(JSON.parse(JSON.stringify(placement)));
        expect(read).toEqual(placement);
        expect(toLayout(read, heat)).toEqual(layout);
      }),
      { ...seeded, numRuns: 50 },
    );
  });

  it.each([
    [{ version: 2 }, 'version must be 1, not 2'],
    [{ model: 5 }, 'model must be'],
    [{ epoch: -1 }, 'epoch must be a whole number'],
    [{ epoch: 1.5 }, 'epoch must be a whole number'],
    [{ shards: [] }, 'shards must be an object'],
    [{ shards: { a: 3 } }, 'shards.a must be text'],
  ])('is refused with %j', (wrong, reason) => {
    const sound = { version: 1, model: 'sha256:m', epoch: 0, shards: { a: '0-3' } };
    expect(() => parsePlacement({ ...sound, ...wrong })).toThrow(reason);
  });

  it('is refused if it names units that do not exist or leaves out an expert', () => {
    const shape = { layers: 2, experts: 4 };
    expect(() => toLayout({ shards: { a: '0-4' } }, shape)).toThrow(
      'shards.a: experts: "0-4" names expert 4',
    );
    expect(() => toLayout({ shards: { a: '0-2', b: '0:3' } }, shape)).toThrow(
      'no shard holds expert 3 of layer 1',
    );
  });
});

it('contiguous placement is the one that `up` gives its shards', () => {
  for (const shards of [1, 3, 4, 7]) {
    const shape = { layers: 2, experts: 9 };
    const holdings = Object.fromEntries(split(9, shards).map((text, index) => [`s${index}`, text]));
    expect(contiguous(shape, shards)).toEqual(toLayout({ shards: holdings }, shape));
  }
});
