// Tests fleets with many dead addresses: they cost little, and do not delay other shards.
import { expect, onTestFinished, test } from 'vitest';
import { dispatch } from '../../../router/dispatch.ts';
import { Fleet } from '../../../router/fleet.ts';
import { Dials } from '../../../router/shards/dials.ts';
import type { Member } from '../../../router/shards/member.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { createTestShard, expectRight, memberOf, model, rowFor, stateOf, strict } from '../shards.ts';

/** Members that are down. An attempt to connect ends only when the test calls `fail`. */
function deadMembers(count: number) {
  const attempts: { address: string; fail: () => void }[] = [];
  let open = 0;
  let most = 0;
  const members = Array.from({ length: count }, (_, i): Member => {
    const address = `dead-${i}`;
    return {
      address,
      connect: () =>
        new Promise((_, reject) => {
          most = Math.max(most, ++open);
          attempts.push({
            address,
            fail() {
              open--;
              reject(new RpcError('unavailable', 'nobody is there'));
            },
          });
        }),
    };
  });
  return { members, attempts, most: () => most };
}

test('a shard that is up is dialled soon and serves although hundreds of other addresses are dead', async () => {
  const dead = deadMembers(300);
  const fleet = new Fleet({ members: dead.members, model, policy: strict });
  onTestFinished(() => fleet.close());
  await expect.poll(() => dead.attempts.length).toBe(256);
  for (const { fail } of [...dead.attempts]) fail();
  await expect.poll(() => dead.attempts.length).toBe(300); // no address is tried again while these attempts are open
  fleet.setMembers([...dead.members, memberOf('alive', await createTestShard())]);
  await expect.poll(() => stateOf(fleet, 'alive')).toBe('available');
  expect(dead.most()).toBeLessThanOrEqual(257);
  await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0) }));
});

test('at most 32 shards with failed attempts are dialled at a time, those with the fewest failures first', async () => {
  const dials = new Dials();
  const leave = await Promise.all(Array.from({ length: 32 }, () => dials.enter(1)));
  const order: string[] = [];
  const enter = async (name: string, failures: number) => {
    const done = await dials.enter(failures);
    order.push(name);
    return done;
  };
  void enter('long dead', 9);
  void enter('dead', 3);
  const new1 = await enter('new', 0);
  expect(order).toEqual(['new']);
  new1();
  for (const each of leave) {
    each();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(order).toEqual(['new', 'dead', 'long dead']);
});

test('the more shards are down, the less often each of them is tried', () => {
  const dials = new Dials();
  const shards = Array.from({ length: 500 }, () => ({}));
  for (const shard of shards) dials.note(shard, false);
  expect(dials.longestMs).toBe(10_000);
  for (const shard of shards.slice(1)) dials.note(shard, true);
  expect(dials.longestMs).toBe(20);
});
