import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HoldingRange } from '../../../experts/runs.ts';
import { dispatch } from '../../../router/dispatch.ts';
import { Fleet, type FleetOptions } from '../../../router/fleet.ts';
import type { Member } from '../../../router/shards/member.ts';
import { holds, sampleUnits, unitAt, unitsIn } from '../../../router/shards/units.ts';
import { listen } from '../../../rpc/socket/server.ts';
import type { Params } from '../../../rpc/transport.ts';
import { createPlainExpertDevice } from '../../support/engines/plain-expert-device.ts';
import {
  type Change,
  createTestShard,
  expectRight,
  failing,
  flip,
  lying,
  memberOf,
  model,
  rowFor,
  socketOf,
  stateOf,
  strict,
  unitsOf,
} from '../shards.ts';
import { testGoldens } from './goldens.ts';

/** Short pauses, for fast tests. */
const pace = { roundMs: 60, leastPauseMs: 2, firstCordonMs: 60 };

function open(members: Member[], options: Partial<FleetOptions> = {}): Fleet {
  const fleet = new Fleet({ members, model, pace, random: () => 0, ...options, policy: strict });
  onTestFinished(() => fleet.close());
  return fleet;
}

/** Answers wrongly for units for which `isWrong` is true. */
function wrongAt(isWrong: (layer: number, expert: number) => boolean): Change {
  return (real) => async (params, context) => {
    const expert = params.asks instanceof Uint8Array ? params.asks[2]! : 0;
    return isWrong(Number(params.layer), expert)
      ? lying((rows) => flip(rows, 7))(real)(params, context)
      : real(params, context);
  };
}

function isGolden({ trace }: Params): boolean {
  return trace === 'golden';
}

describe('units', () => {
  const range = fc
    .tuple(fc.nat(4), fc.nat(9), fc.nat(5))
    .map(([layer, first, more]): HoldingRange => [layer, first, first + more]);
  const apart = fc.uniqueArray(range, { selector: ([layer]) => layer, maxLength: 5 });

  test('are numbered, and numbers beyond the last held unit begin with the first unit again', () => {
    fc.assert(
      fc.property(apart, (holdings) => {
        const count = unitsIn(holdings);
        const units = Array.from({ length: count }, (_, nth) => unitAt(holdings, nth));
        expect(new Set(units.map((unit) => JSON.stringify(unit))).size).toBe(count);
        for (const [nth, unit] of units.entries()) {
          expect(unit && holds(holdings, unit)).toBe(true);
          expect(unitAt(holdings, nth + 3 * count)).toEqual(unit);
        }
        if (count === 0) expect(unitAt(holdings, 5)).toBeUndefined();
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test('make a sample of the wanted number of different units, or of all units', () => {
    fc.assert(
      fc.property(
        apart,
        fc.nat(70),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (holdings, count, random) => {
          const sample = sampleUnits(holdings, count, random);
          const different = new Set(sample.map((unit) => JSON.stringify(unit)));
          expect(different.size).toBe(Math.min(count, unitsIn(holdings)));
          expect(sample.every((unit) => holds(holdings, unit))).toBe(true);
        },
      ),
      { seed: 2, numRuns: 300 },
    );
  });

  test('are recognized as held or not held', () => {
    expect(holds([[1, 2, 4]], { layer: 1, expert: 5 })).toBe(false);
    expect(holds([[1, 2, 4]], { layer: 0, expert: 3 })).toBe(false);
  });
});

describe('a shard enters service', () => {
  test('when it has answered its golden rows correctly, and gets no rows before', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held: Change = (real) => async (params, context) => {
      await gate;
      return real(params, context);
    };
    const goldens = await testGoldens();
    const fleet = open([memberOf('a', await createTestShard(), held)], { goldens });
    await expect.poll(() => stateOf(fleet, 'a')).toBe('validating');
    expect(fleet.ready).toBe(false);
    expect((await dispatch({ fleet, ...rowFor(0) })).failed.get(0)).toMatchObject({ code: 'unavailable' });
    expect(goldens.compared).toEqual([]);
    release();
    expect(await fleet.whenReady(5_000)).toBe(true);
    expect(goldens.compared.length).toBeGreaterThanOrEqual(8);
    expect(fleet.counters.goldenRows).toBeGreaterThanOrEqual(8);
    await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0) }));
  });

  test('at once if there are no golden rows', async () => {
    const fleet = open([memberOf('a', await createTestShard())]);
    expect(await fleet.whenReady(5_000)).toBe(true);
    expect(fleet.counters.goldenRows).toBe(0);
  });

  test('without golden checks if its content is not the bundle’s', async () => {
    const goldens = await testGoldens();
    const other = await createTestShard({ model: { ...model, content: 'four bits', bits: 4, group: 32 } });
    const fleet = open(
      [
        memberOf(
          'a',
          other,
          wrongAt(() => true),
        ),
      ],
      { goldens },
    );
    expect(await fleet.whenReady(5_000)).toBe(true);
    expect(goldens.compared).toEqual([]);
  });

  test('with another numerics class if its answers are close enough', async () => {
    const goldens = await testGoldens();
    const device = createPlainExpertDevice({ hidden: model.hidden, inner: 5, numericsClass: 'other' });
    await device.load(unitsOf([0, 1, 2, 3, 4, 5]));
    const fleet = open(
      [
        memberOf(
          'a',
          await createTestShard({ device }),
          wrongAt(() => true),
        ),
      ],
      { goldens },
    );
    expect(await fleet.whenReady(5_000)).toBe(true);
  });

  test('a little later if it was too busy to answer golden rows', async () => {
    const goldens = await testGoldens();
    const fleet = open([memberOf('a', await createTestShard(), failing('busy', { times: 1 }))], { goldens });
    expect(await fleet.whenReady(5_000)).toBe(true);
    expect(fleet.counters.cordons).toBe(0);
  });

  test('although it has unloaded some units since it connected', async () => {
    const goldens = await testGoldens();
    const shard = await createTestShard();
    const { handlers } = shard.service;
    // The shard is busy at the first golden row. Meanwhile it unloads all but two experts, and reports this.
    let left = 1;
    const server = await listen({
      handlers: {
        ...handlers,
        'expert.run': async (params, context) => {
          const [, expert] =
            params.asks instanceof Uint8Array ? new Uint16Array(Uint8Array.from(params.asks).buffer) : [];
          if (left-- > 0) {
            server.broadcast('holdings', { model: model.identity, holdings: [[0, 2, 3]] });
            return failing('busy')(handlers['expert.run']!)(params, context);
          }
          const isHeld = params.layer === 0 && (expert === 2 || expert === 3);
          return (isHeld ? handlers['expert.run']! : failing('not_held')(handlers['expert.run']!))(
            params,
            context,
          );
        },
      },
    });
    onTestFinished(() => server.close({ graceMs: 0 }));
    const fleet = open([socketOf(server)], { goldens });
    await expect.poll(() => fleet.status()[0]?.state).toBe('available');
    expect(fleet.status()[0]).toMatchObject({ units: 2 });
  });
});

describe('a shard that answers a golden row wrongly', () => {
  test('is cordoned, and the log names the expert', async () => {
    const log: string[] = [];
    const goldens = await testGoldens();
    const members = [
      memberOf(
        'a',
        await createTestShard(),
        wrongAt(() => true),
      ),
      memberOf('b', await createTestShard()),
    ];
    const fleet = open(members, { goldens, pace: {}, log: (_, line) => log.push(line) });
    await expect.poll(() => [stateOf(fleet, 'a'), stateOf(fleet, 'b')]).toEqual(['cordoned', 'available']);
    expect(log.join()).toMatch(/shard a is cordoned for 5 s: .*expert \d of layer \d: its bits differ/);
    await expectRight(rowFor(1), await dispatch({ fleet, ...rowFor(1) }));
    expect(fleet.status()[0]?.counters.calls).toBe(0);
  });

  test('is validated again after its cordon, and serves if it has recovered', async () => {
    let wrong = true;
    const goldens = await testGoldens();
    const fleet = open(
      [
        memberOf(
          'a',
          await createTestShard(),
          wrongAt(() => wrong),
        ),
      ],
      { goldens },
    );
    await expect.poll(() => stateOf(fleet, 'a')).toBe('cordoned');
    const asked = goldens.compared.length;
    wrong = false;
    expect(await fleet.whenReady(5_000)).toBe(true);
    // All units are checked, because there are fewer than in the sample.
    const after = goldens.compared.slice(asked).map((unit) => JSON.stringify(unit));
    expect(new Set(after).size).toBe(12);
    expect(fleet.counters.cordons).toBe(1);
  });

  test('is cordoned four times as long each time', async () => {
    const log: string[] = [];
    const goldens = await testGoldens();
    const shard = memberOf(
      'a',
      await createTestShard(),
      wrongAt(() => true),
    );
    const fleet = open([shard], {
      goldens,
      pace: { ...pace, firstCordonMs: 10 },
      log: (_, line) => log.push(line),
    });
    await expect.poll(() => fleet.counters.cordons).toBe(3);
    const times = log.flatMap((line) => /cordoned for ([\d.]+) s/.exec(line)?.[1] ?? []);
    expect(times).toEqual(['0.01', '0.04', '0.16']);
  });

  test('is cordoned too if its device fails', async () => {
    const goldens = await testGoldens();
    const fleet = open([memberOf('a', await createTestShard(), failing('internal'))], { goldens, pace: {} });
    await expect.poll(() => stateOf(fleet, 'a')).toBe('cordoned');
  });

  test('is found in time even if only one unit is damaged and the first check was passed', async () => {
    const goldens = await testGoldens();
    let damaged = false;
    const change = wrongAt((layer, expert) => damaged && layer === 1 && expert === 4);
    const fleet = open([memberOf('a', await createTestShard(), change)], { goldens });
    expect(await fleet.whenReady(5_000)).toBe(true);
    damaged = true;
    await expect.poll(() => fleet.counters.cordons, { interval: 5 }).toBeGreaterThan(0);
    // The shard stays out of service while the suspected unit is wrong.
    await expect.poll(() => fleet.counters.cordons, { interval: 5 }).toBeGreaterThan(1);
    damaged = false;
    expect(await fleet.whenReady(5_000)).toBe(true);
  });
});

describe('checks in the background', () => {
  test('cover all units', async () => {
    const goldens = await testGoldens();
    const fleet = open([memberOf('a', await createTestShard())], { goldens });
    await fleet.whenReady(5_000);
    const from = goldens.compared.length;
    await expect.poll(() => goldens.compared.length, { interval: 5 }).toBeGreaterThanOrEqual(from + 12);
    const asked = goldens.compared.slice(from, from + 12).map((unit) => JSON.stringify(unit));
    expect(new Set(asked).size).toBe(12);
  });

  test('end with the validation of a shard that is cordoned, and begin again with its next validation', async () => {
    const goldens = await testGoldens();
    // The loop of the first validation pauses for longer than the cordon.
    const slowly = { roundMs: 12 * 150, leastPauseMs: 150, firstCordonMs: 20 };
    let answering = true;
    let asked = 0;
    const change: Change = (real) => async (params, context) => {
      if (isGolden(params)) asked++;
      while (!answering && isGolden(params)) await new Promise((resolve) => setTimeout(resolve, 5));
      return lying((rows) => {
        if (!isGolden(params)) rows.fill(Number.NaN);
      })(real)(params, context);
    };
    const fleet = open([memberOf('a', await createTestShard(), change)], { goldens, pace: slowly });
    await fleet.whenReady(5_000);
    answering = false;
    const from = asked;
    await dispatch({ fleet, ...rowFor(0) });
    expect(stateOf(fleet, 'a')).toBe('cordoned');
    await expect.poll(() => asked).toBe(from + 1);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(asked).toBe(from + 1);
    expect(stateOf(fleet, 'a')).toBe('validating');
    answering = true;
    expect(await fleet.whenReady(5_000)).toBe(true);
    expect(asked).toBe(from + 13); // the suspect and a sample of all 12 units
  });

  test('trust a shard, and write a log line, if the gateway cannot read the golden rows', async () => {
    const log: string[] = [];
    const goldens = await testGoldens();
    const fault: typeof goldens.fault = async () => {
      throw new Error('golden.safetensors: no such file');
    };
    const fleet = open([memberOf('a', await createTestShard())], {
      goldens: { ...goldens, fault },
      log: (_, line) => log.push(line),
    });
    await expect
      .poll(() => log.join())
      .toContain('shard a cannot be checked: golden.safetensors: no such file');
    expect(await fleet.whenReady(5_000)).toBe(true);
    expect(fleet.counters.cordons).toBe(0);
  });
});
