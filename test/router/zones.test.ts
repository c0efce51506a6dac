// A fleet with shards of several zones.
import { expect, test } from 'vitest';
import { placementText } from '../../experts/placing/placement-file.ts';
import { dispatch } from '../../router/dispatch.ts';
import type { Fleet } from '../../router/fleet.ts';
import { localMember, type Member } from '../../router/shards/member.ts';
import { createTestShard, model, type TestShardOptions } from '../experts/shard.ts';
import { fleetOf, memberOf, rowFor, step, unitsOf } from './shards.ts';

async function member(name: string, options: TestShardOptions): Promise<Member> {
  return memberOf(name, await createTestShard(options));
}

const all = [0, 1, 2, 3, 4, 5];

/** Two zones. Zone eu lacks the experts 4 and 5. */
async function twoZones(lines: string[] = []): Promise<Fleet> {
  return fleetOf(
    [
      await member('us', { zone: 'us', units: unitsOf(all) }),
      await member('eu', { zone: 'eu', units: unitsOf([0, 1, 2, 3]) }),
    ],
    { zone: 'eu', pace: { redundancyMs: 5 }, log: (level, line) => lines.push(`${level} ${line}`) },
  );
}

test('borrows only the units that its own zone lacks, and counts their rows as remote', async () => {
  const lines: string[] = [];
  const fleet = await twoZones(lines);
  expect(fleet.ready).toBe(true);
  expect(fleet.missing()).toEqual([]);
  expect(fleet.borrowed()).toEqual([
    { layer: 0, experts: '4-5' },
    { layer: 1, experts: '4-5' },
  ]);
  const wanted = step(30, 2);
  const { answers, failed, remote } = await dispatch({ fleet, ...wanted });
  expect(failed.size).toBe(0);
  const borrowed = [...wanted.assignment.experts.entries()].filter(([, expert]) => expert >= 4);
  expect(borrowed.length).toBeGreaterThan(0);
  expect([...remote].sort((a, b) => a - b)).toEqual(borrowed.map(([slot]) => Math.floor(slot / 2)));
  const alone = await fleetOf([localMember('whole', (await createTestShard()).service.handlers)]);
  expect((await dispatch({ fleet: alone, ...step(30, 2) })).answers).toEqual(answers);
  const [us, eu] = fleet.status();
  expect(us).toMatchObject({ zone: 'us', counters: { rows: borrowed.length } });
  expect(eu).toMatchObject({ zone: 'eu', counters: { rows: 60 - borrowed.length } });
  await expect
    .poll(() => lines)
    .toContainEqual(
      'warn shards of other zones are called, because none of zone eu serves layers 0-1: experts 4-5',
    );
});

test('a gateway without a zone, and a shard without a zone, are near to all', async () => {
  const shards = [await member('us', { zone: 'us' }), await member('none', {})];
  const nowhere = await fleetOf(shards);
  expect(nowhere.borrowed()).toEqual([]);
  const eu = await fleetOf([shards[1]!], { zone: 'eu' });
  expect(eu.borrowed()).toEqual([]);
  expect((await dispatch({ fleet: eu, ...rowFor(0) })).remote).toEqual([]);
});

test('the bits of a unit are those of its own zone, even if a shard of another zone holds more units', async () => {
  const far = await member('us', { zone: 'us', model: { ...model, content: 'other' } });
  const near = await member('eu', { zone: 'eu', units: unitsOf([0]) });
  const fleet = await fleetOf([far, near], { zone: 'eu' });
  const { exact, otherClass } = fleet.replicas(0, 0);
  expect(exact.map(({ address }) => address)).toEqual(['eu']);
  expect(otherClass.map(({ address }) => address)).toEqual(['us']);
  expect(fleet.borrowed()).toEqual([
    { layer: 0, experts: '1-5' },
    { layer: 1, experts: '1-5' },
  ]);
});

test('times of calls to another zone are kept apart, because all of them would look late', async () => {
  const fleet = await twoZones();
  const { exact } = fleet.replicas(0, 0);
  const latencies = new Map(exact.map((shard) => [shard.address, shard.latencies]));
  expect(latencies.get('eu')).toBe(fleet.latencies);
  expect(latencies.get('us')).not.toBe(fleet.latencies);
});

test('follows no placement of another zone, and sends it none', async () => {
  const told: string[] = [];
  const placed = async (zone: string, epoch: number) => {
    const placement = { version: 1 as const, model: model.identity, epoch, shards: { [zone]: '0-5' } };
    const offered = { ...model, placement: placementText(placement) };
    const { service } = await createTestShard({ zone, name: zone, model: offered });
    const note = (what: string) => async () => told.push(`${zone} ${what}`);
    const handlers = { ...service.handlers, 'shard.place': note('place'), 'shard.adopted': note('adopted') };
    return localMember(zone, handlers);
  };
  const fleet = await fleetOf([await placed('us', 9), await placed('eu', 3)], { zone: 'eu' });
  expect(fleet.epoch).toBe(3);
  await expect.poll(() => told).toEqual(['eu adopted']);
});

test('changes to the class of its own zone once a shard there serves, although the other zone came first', async () => {
  const far = await member('us', { zone: 'us', model: { ...model, content: 'other' } });
  const fleet = await fleetOf([far], { zone: 'eu' });
  expect(fleet.replicas(0, 0).exact.map(({ address }) => address)).toEqual(['us']);
  const near = await member('eu', { zone: 'eu', units: unitsOf([0]) });
  fleet.setMembers([far, near]);
  await fleet.until(() => fleet.status().every(({ units }) => units > 0), 10_000);
  expect(fleet.replicas(0, 0).exact.map(({ address }) => address)).toEqual(['us']);
  fleet.settleClasses();
  expect(fleet.replicas(0, 0).exact.map(({ address }) => address)).toEqual(['eu']);
  expect(fleet.replicas(0, 1).exact.map(({ address }) => address)).toEqual(['us']);
  fleet.settleClasses();
  expect(fleet.replicas(0, 0).exact.map(({ address }) => address)).toEqual(['eu']);
});

test('does not count shards of other zones if it must never call them', async () => {
  const shards = [
    await member('us', { zone: 'us' }),
    await member('eu', { zone: 'eu', units: unitsOf([0, 1, 2, 3]) }),
  ];
  const fleet = await fleetOf(shards, { zone: 'eu', policy: { remoteHops: 0 } });
  expect(fleet.ready).toBe(false);
  expect(fleet.borrowed()).toEqual([]);
  expect(fleet.missing()).toEqual([
    { layer: 0, experts: '4-5' },
    { layer: 1, experts: '4-5' },
  ]);
});
