// A shard that moves to a placement. The service and the device are real; the test provides the disk and the gateways.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { parseHoldings } from '../../../experts/holdings.ts';
import type { PlacedState } from '../../../experts/placing/kept-state.ts';
import { placeHandlers } from '../../../experts/placing/place.ts';
import { PlacedModel } from '../../../experts/placing/placed-model.ts';
import {
  type Placement,
  placementText,
  type SignedPlacement,
  signPlacement,
} from '../../../experts/placing/placement-file.ts';
import {
  compareIds,
  formatId,
  idOf,
  LARGEST_EPOCH,
  MOST_AHEAD,
  noPlacement,
  type PlacementId,
} from '../../../experts/placing/placement-id.ts';
import { adoptionParams } from '../../../experts/wire/placement.ts';
import { runRequestToParams } from '../../../experts/wire/run.ts';
import type { Unit } from '../../../model/devices/expert.ts';
import { openLocalTransport } from '../../../rpc/local.ts';
import type { Handlers, Transport } from '../../../rpc/transport.ts';
import { eventually } from '../../support/process.ts';
import { createTestShard, model } from '../shard.ts';

const soon = { deadlineMs: 60_000 };
const secret = Buffer.from('a secret of 30 bytes for tests');

interface Start {
  held: string;
  /** A unit is loaded when this promise resolves. */
  load?: (unit: Unit) => Promise<void>;
  /** A state is saved when this promise resolves. */
  save?: (state: PlacedState) => Promise<void>;
  placement?: Placement;
  secret?: Buffer;
  open?: boolean;
}

async function start({
  held,
  load = async () => {},
  save = async () => {},
  placement,
  secret,
  open = true,
}: Start) {
  const units = held === '' ? [] : parseHoldings(held, model);
  const { service, device } = await createTestShard({ units });
  const saved: PlacedState[] = [];
  const told: string[] = [];
  const unloaded: Unit[] = [];
  const log: string[] = [];
  const placed = new PlacedModel({
    name: 'a',
    service: service.placeable(model.identity)!,
    async load(unit) {
      await load(unit);
      await device.load([unit]);
    },
    async unload(gone) {
      unloaded.push(...gone);
      await device.unload(gone);
    },
    async save(state) {
      await save(state);
      saved.push(state);
    },
    onChange: (what, offer) => told.push(`${what} ${offer.holdings.map(([l, f, e]) => `${l}:${f}-${e}`)}`),
    log: (_, line) => log.push(line),
  });
  onTestFinished(() => placed.stop());
  if (placement !== undefined) placed.resume(placement);
  const models = new Map([[model.identity, placed]]);
  const handlers: Handlers = {
    ...service.handlers,
    ...placeHandlers({ models, open, ...(secret && { secret: () => secret }) }),
  };
  const connect = async (role = 'gateway'): Promise<Transport> => {
    const transport = await openLocalTransport(handlers, { hello: { protocol: 1, role, version: 'test' } });
    onTestFinished(() => transport.close());
    return transport;
  };
  /** If `of` is a number, states this epoch without a hash, as gateways of an older release do. */
  const adopt = (transport: Transport, of: number | Placement) => {
    const id = typeof of === 'number' ? { epoch: of, hash: '' } : idOf(of);
    return transport.call('shard.adopted', adoptionParams({ model: model.identity, placement: id }), soon);
  };
  const holdings = () => placed.report.holdings;
  return { service, device, placed, saved, told, unloaded, log, connect, adopt, holdings };
}

function placementOf(epoch: number, holdings: string, rest: Record<string, string> = {}): Placement {
  return { version: 1, model: model.identity, epoch, shards: { a: holdings, ...rest } };
}

function place(transport: Transport, placement: SignedPlacement, from?: PlacementId) {
  const params = { placement: placementText(placement), ...(from && { from: { ...from } }) };
  return transport.call('shard.place', params, soon);
}

async function failFor(fails: boolean): Promise<void> {
  if (fails) throw new Error('no room');
}

function row(expert: number, layer = 1) {
  return runRequestToParams({
    model: model.identity,
    layer,
    priority: 0,
    trace: '',
    epoch: 0,
    rows: new Float32Array(model.hidden).fill(1),
    asks: Uint16Array.of(0, expert),
  });
}

test('missing units are loaded, announced and served; surplus units are unloaded when the gateway adopts the placement', async () => {
  const shard = await start({ held: '0-2' });
  const gateway = await shard.connect();
  await shard.adopt(gateway, 0);
  await place(gateway, placementOf(1, '2-4', { b: '0-1,5' }));
  await eventually(() => shard.placed.report.missing === 0);
  expect(shard.told).toEqual(['placement 0:0-2,1:0-2', 'holdings 0:0-4,1:0-4']);
  await gateway.call('expert.run', row(4), soon);
  await gateway.call('expert.run', row(0), soon);
  await delay(20);
  expect(shard.holdings()).toBe('0-4');
  expect(shard.unloaded).toEqual([]);

  await shard.adopt(gateway, placementOf(1, '2-4', { b: '0-1,5' }));
  await eventually(() => shard.unloaded.length === 4);
  expect(shard.holdings()).toBe('2-4');
  expect(shard.told.at(-1)).toBe('holdings 0:2-4,1:2-4');
  await expect(gateway.call('expert.run', row(0), soon)).rejects.toMatchObject({ code: 'not_held' });
  expect(shard.saved.map(({ held, placement }) => [placement?.epoch, held])).toEqual([
    [1, '0-2'],
    [1, '0-4'],
    [1, '2-4'],
  ]);
});

test('a gateway can block unloading only while it is connected and has made a statement', async () => {
  const shard = await start({ held: '0' });
  const [one, other, silent] = [await shard.connect(), await shard.connect(), await shard.connect()];
  await silent.call('expert.run', row(0), soon);
  await shard.adopt(one, 0);
  await shard.adopt(other, 0);
  await place(one, placementOf(1, '1', { b: '0,2-5' }));
  await shard.adopt(one, placementOf(1, '1', { b: '0,2-5' }));
  await eventually(() => shard.holdings() === '0-1');
  await delay(20);
  expect(shard.holdings()).toBe('0-1');
  other.close();
  await eventually(() => shard.holdings() === '1');
});

test('without a gateway, nothing is unloaded until an admin has adopted the placement', async () => {
  const shard = await start({ held: '0' });
  const admin = await shard.connect('admin');
  await place(admin, placementOf(1, '1', { b: '0,2-5' }));
  await eventually(() => shard.placed.report.missing === 0);
  await eventually(() => shard.holdings() === '0-1');
  await delay(20);
  expect(shard.holdings()).toBe('0-1');
  await shard.adopt(admin, placementOf(1, '1', { b: '0,2-5' }));
  await eventually(() => shard.holdings() === '1');
});

test('an expert is unloaded only after its calls in flight are answered', async () => {
  const shard = await start({ held: '0' });
  const real = shard.device.run.bind(shard.device);
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  shard.device.run = async (...asked) => {
    await held;
    return await real(...asked);
  };
  const gateway = await shard.connect();
  const answer = gateway.call('expert.run', row(0), soon);
  await place(gateway, placementOf(1, '1', { b: '0,2-5' }));
  await shard.adopt(gateway, placementOf(1, '1', { b: '0,2-5' }));
  await eventually(() => shard.holdings() === '1');
  await delay(20);
  expect(shard.unloaded).toEqual([]);
  release();
  await answer;
  await eventually(() => shard.unloaded.length === 2);
});

test('a later placement replaces a placement in progress; earlier placements are refused', async () => {
  let loads = 0;
  const shard = await start({ held: '0', load: async () => void (await delay(loads++ < 2 ? 1 : 5)) });
  const gateway = await shard.connect();
  await shard.adopt(gateway, 0);
  await place(gateway, placementOf(4, '1-5', { b: '0' }));
  await place(gateway, placementOf(5, '0,5', { b: '1-4' }));
  await place(gateway, placementOf(5, '0,5', { b: '1-4' }));
  for (const [placement, message] of [
    [
      placementOf(4, '1-5', { b: '0' }),
      expect.stringMatching(/^placement 4 \(\w{12}\) is over: placement 5 \(\w{12}\) is followed$/),
    ],
    [
      placementOf(2 ** 53 - 1, '0', { b: '1-5' }),
      `placement: epoch ${2 ** 53 - 1} is too high: it may be at most ${5 + MOST_AHEAD}; the highest epoch here is 5`,
    ],
    [placementOf(6, '0-6'), 'placement: shards.a: experts: "0-6" names expert 6; the last is 5'],
    [{ ...placementOf(6, ''), shards: { b: '0-5' } }, 'placement 6 names b; this shard is a'],
  ] as const) {
    await expect(place(gateway, placement)).rejects.toMatchObject({ code: 'invalid', message });
  }
  await shard.adopt(gateway, placementOf(5, '0,5', { b: '1-4' }));
  await eventually(() => shard.placed.report.missing + shard.placed.report.surplus === 0);
  expect(shard.holdings()).toBe('0,5');
  expect(shard.saved.at(-1)).toMatchObject({ held: '0,5', placement: { epoch: 5 } });
});

test('of two placements with the same epoch, the shard follows the greater hash in any order of arrival', async () => {
  const two = [placementOf(1, '0-2', { b: '3-5' }), placementOf(1, '0,3-5', { b: '1-2' })];
  const [less, greater] = two.sort((x, y) => compareIds(idOf(x), idOf(y)));
  for (const [first, second] of [
    [less!, greater!],
    [greater!, less!],
  ]) {
    const shard = await start({ held: '0' });
    const gateway = await shard.connect();
    await place(gateway, first!);
    await place(gateway, second!).catch((error) => expect(error).toMatchObject({ code: 'invalid' }));
    expect(shard.placed.report.hash).toBe(idOf(greater).hash);
    // A statement that the other placement is served must not cause this shard to unload units.
    await eventually(() => shard.placed.report.missing === 0);
    const before = shard.holdings();
    await shard.adopt(gateway, less!);
    await delay(20);
    expect(shard.holdings()).toBe(before);
  }
});

test('a placement that was planned from an outdated one is refused with conflict, and the error names the operator', async () => {
  const shard = await start({ held: '0' });
  const admin = await shard.connect('admin');
  const applied = { by: 'alice@ops1', at: '2026-11-30T04:00:00Z' };
  const first = { ...placementOf(1, '0-2', { b: '3-5' }), applied };
  const second = placementOf(1, '0-3', { b: '3-5' });
  await place(admin, first, noPlacement);
  await place(admin, first, noPlacement); // the same placement again is not a conflict
  const told = `placement ${formatId(idOf(first))}, applied by alice@ops1 at 2026-11-30T04:00:00Z, is followed`;
  await expect(place(admin, second, noPlacement)).rejects.toMatchObject({
    code: 'conflict',
    message: `${told}; placement ${formatId(idOf(second))} was planned from none`,
  });
  await place(admin, { ...second, epoch: 2 }, idOf(first));
  expect(shard.placed.report.epoch).toBe(2);
});

test('a shard without a placement refuses an epoch above the limit, and ignores a saved one', async () => {
  const far = (epoch: number) => placementOf(epoch, '0', { b: '1-5' });
  const fresh = await start({ held: '0' });
  const admin = await fresh.connect('admin');
  const most = `it may be at most ${MOST_AHEAD}; the highest epoch here is 0`;
  await expect(place(admin, far(MOST_AHEAD + 1), noPlacement)).rejects.toMatchObject({
    code: 'invalid',
    message: `placement: epoch ${MOST_AHEAD + 1} is too high: ${most}`,
  });
  await expect(place(admin, far(2 ** 53 - 1))).rejects.toMatchObject({
    code: 'invalid',
    message: `placement: epoch ${2 ** 53 - 1} is too high: it may be at most ${LARGEST_EPOCH}`,
  });
  const poisoned = await start({ held: '0', placement: far(2 ** 53 - 1) });
  expect(poisoned.placed.report).toMatchObject({ epoch: 0, holdings: '0' });
  expect(poisoned.log).toEqual([
    expect.stringMatching(/^the saved placement is not followed: epoch 9007199254740991/),
  ]);
  await place(await poisoned.connect(), placementOf(1, '0-1', { b: '2-5' }));
  expect(poisoned.placed.report.epoch).toBe(1);
});

test('loaded units are saved before they are announced, also if another save is in progress', async () => {
  const keeping = Promise.withResolvers<void>();
  const { promise: kept, resolve: release } = Promise.withResolvers<void>();
  const shard = await start({
    held: '0',
    async save({ held }) {
      if (held !== '0-1' || shard.saved.some((state) => state.held === held)) return;
      keeping.resolve();
      await kept;
    },
  });
  const gateway = await shard.connect();
  await place(gateway, placementOf(1, '0-1', { b: '2-5' }));
  await keeping.promise;
  expect(shard.told.some((line) => line.startsWith('holdings'))).toBe(false);
  expect(shard.placed.report.missing).toBe(2);
  const replaced = place(gateway, placementOf(2, '0-2', { b: '3-5' }));
  release();
  await replaced;
  expect(shard.saved.slice(1)).toEqual(
    [1, 2].map((epoch) =>
      expect.objectContaining({ held: '0-1', placement: expect.objectContaining({ epoch }) }),
    ),
  );
  await eventually(() => shard.placed.report.missing === 0);
  expect(shard.saved.at(-1)).toMatchObject({ held: '0-2' });
});

test('a unit that cannot be loaded is tried again, and the other units are loaded', async () => {
  const failures = new Map<number, number>();
  const shard = await start({
    held: '',
    async load({ expert }) {
      failures.set(expert, (failures.get(expert) ?? 0) + 1);
      if (failures.get(expert) === 1) throw new Error(`expert ${expert} is damaged`);
    },
  });
  await place(await shard.connect(), placementOf(1, '1:2', { b: '0-5' }));
  await eventually(() => shard.placed.report.missing === 0);
  expect(failures.get(2)).toBe(2);
});

test('a unit that cannot be loaded waits behind all other units, which are served meanwhile', async () => {
  let damaged = true;
  const tried: number[] = [];
  const shard = await start({
    held: '',
    async load({ expert }) {
      tried.push(expert);
      if (damaged && expert === 1) throw new Error(`expert ${expert} is damaged`);
    },
  });
  const gateway = await shard.connect();
  await place(gateway, placementOf(1, '1:1-4', { b: '0,5' }));
  await eventually(() => shard.placed.report.missing === 1);
  expect(shard.holdings()).toBe('1:2-4');
  await gateway.call('expert.run', row(4), soon);
  expect(tried.slice(0, 4)).toEqual([1, 2, 3, 4]);
  expect(shard.log).toContain('expert 1 is damaged; trying again in 200 ms, after the others');
  damaged = false;
  await eventually(() => shard.placed.report.missing === 0);
});

test('a placement that arrives while a unit cannot be loaded starts its move at once', async () => {
  const shard = await start({ held: '0', load: ({ expert }) => failFor(expert === 1) });
  const gateway = await shard.connect();
  await place(gateway, placementOf(1, '0-1', { b: '2-5' }));
  await eventually(() => shard.log.filter((line) => line.includes('trying again')).length > 3);
  const failures = shard.log.filter((line) => line.includes('trying again')).length;
  await place(gateway, placementOf(2, '0,2', { b: '1,3-5' }));
  await eventually(() => shard.placed.report.missing === 0);
  // If the move had waited for the unit's turn, the unit would have been tried once more.
  expect(shard.log.filter((line) => line.includes('trying again')).length).toBe(failures);
});

test('if a state cannot be saved, loaded units are served, and nothing is unloaded before a later save', async () => {
  let full = false;
  const shard = await start({ held: '0-2', save: () => failFor(full) });
  const gateway = await shard.connect();
  await shard.adopt(gateway, 0);
  await place(gateway, placementOf(1, '2-4', { b: '0-1,5' }));
  full = true;
  await eventually(() => shard.placed.report.missing === 0);
  await shard.adopt(gateway, placementOf(1, '2-4', { b: '0-1,5' }));
  await eventually(() => shard.log.length > 2);
  expect(shard.log).toContain('the holdings cannot be saved: no room; trying again in 200 ms');
  expect(shard.unloaded).toEqual([]);
  full = false;
  await eventually(() => shard.unloaded.length === 4);
  expect(shard.saved.at(-1)).toMatchObject({ held: '2-4', placement: { epoch: 1 } });
});

test('units that were removed while no state could be saved stay loaded until the state is saved', async () => {
  const shard = await start({ held: '0-1', save: ({ held }) => failFor(held === '1' && full) });
  let full = true;
  const gateway = await shard.connect();
  await place(gateway, placementOf(1, '1', { b: '0,2-5' }));
  await shard.adopt(gateway, placementOf(1, '1', { b: '0,2-5' }));
  await eventually(() => shard.log.some((line) => line.includes('cannot be saved')));
  expect(shard.holdings()).toBe('1');
  await expect(gateway.call('expert.run', row(0), soon)).rejects.toMatchObject({ code: 'not_held' });
  await delay(250);
  expect(shard.unloaded).toEqual([]);
  full = false;
  await eventually(() => shard.unloaded.length === 2);
  expect(shard.saved.at(-1)).toMatchObject({ held: '1' });
});

test('a statement of an unknown epoch no longer blocks unloading after its gateway has disconnected', async () => {
  const shard = await start({ held: '0' });
  const [gateway, fool] = [await shard.connect(), await shard.connect()];
  await shard.adopt(fool, Number.MAX_SAFE_INTEGER);
  await place(gateway, placementOf(1, '1', { b: '0,2-5' }));
  await shard.adopt(fool, Number.MAX_SAFE_INTEGER);
  await shard.adopt(gateway, placementOf(1, '1', { b: '0,2-5' }));
  await eventually(() => shard.holdings() === '0-1');
  await delay(20);
  expect(shard.holdings()).toBe('0-1');
  fool.close();
  await eventually(() => shard.holdings() === '1');
});

test('a gateway may adopt a placement before the shard follows it', async () => {
  const shard = await start({ held: '0' });
  const gateway = await shard.connect();
  await shard.adopt(gateway, placementOf(2, '1', { b: '0,2-5' }));
  await place(gateway, placementOf(2, '1', { b: '0,2-5' }));
  await eventually(() => shard.holdings() === '1');
});

test('a shard that restarts continues the move from its saved state', async () => {
  const shard = await start({ held: '0-1', placement: placementOf(3, '1-2', { b: '0,3-5' }) });
  const gateway = await shard.connect();
  expect(gateway.greeting).toMatchObject({ epoch: 3 });
  await eventually(() => shard.placed.report.missing === 0);
  expect(shard.holdings()).toBe('0-2');
  await shard.adopt(gateway, placementOf(3, '1-2', { b: '0,3-5' }));
  await eventually(() => shard.holdings() === '1-2');
});

test('shard.place needs a valid signature if the shard has a secret, otherwise an admin, unless the shard is open', async () => {
  const placement = placementOf(1, '0', { b: '1-5' });
  const closed = await start({ held: '0', secret, open: false });
  const [gateway, admin] = [await closed.connect(), await closed.connect('admin')];
  const unproven = { code: 'unproven' };
  await expect(place(admin, placement)).rejects.toMatchObject(unproven);
  const forged = signPlacement(placement, Buffer.from('another secret of enough bytes'));
  await expect(place(admin, forged)).rejects.toMatchObject(unproven);
  expect(closed.placed.report.epoch).toBe(0);
  await place(gateway, signPlacement(placement, secret));
  expect(closed.placed.report.epoch).toBe(1);

  const named = await start({ held: '0', open: false });
  await expect(place(await named.connect(), placement)).rejects.toMatchObject(unproven);
  await place(await named.connect('admin'), placement);
});

test('shard.place is refused with incompatible if the shard does not hold the model', async () => {
  const shard = await start({ held: '0' });
  const other = { ...placementOf(1, '0'), model: 'another' };
  await expect(place(await shard.connect(), other)).rejects.toMatchObject({ code: 'incompatible' });
});
