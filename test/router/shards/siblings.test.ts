// Tests shards that serve only another model of the same gateway.
import { afterEach, expect, test } from 'vitest';
import { Fleet } from '../../../router/fleet.ts';
import { localMember } from '../../../router/shards/member.ts';
import { createTestShard, model } from '../../experts/shard.ts';

let fleet: Fleet | undefined;
afterEach(() => fleet?.close());

const sibling = { ...model, identity: 'sibling' };

async function watch(siblings: string[], log: string[]): Promise<(handlers: 'ours' | 'theirs') => void> {
  const ours = (await createTestShard()).service.handlers;
  const theirs = (await createTestShard({ model: sibling })).service.handlers;
  let now = theirs;
  const member = localMember('a', {
    hello: (...call) => now.hello!(...call),
    'expert.run': (...call) => now['expert.run']!(...call),
  });
  const tell = (level: string, message: string) => void log.push(`${level} ${message}`);
  fleet = new Fleet({ members: [member], model, siblings, log: tell });
  await expect.poll(() => log).toHaveLength(1);
  return (which) => {
    now = which === 'ours' ? ours : theirs;
  };
}

test('a shard that serves only sibling models is logged once as info, and is used within 5 s after it gets our model', async () => {
  const log: string[] = [];
  const serve = await watch(['sibling'], log);
  expect(log).toEqual(["info shard a is not used: it serves only other models of this gateway's"]);
  serve('ours');
  await expect.poll(() => fleet?.ready, { timeout: 5_000 }).toBe(true);
  expect(log[1]).toMatch(/^info shard a is connected/);
});

test('a shard that serves only unknown models is logged as a warning', async () => {
  const log: string[] = [];
  await watch(['another'], log);
  expect(log[0]).toMatch(/^warn shard a is not used: it serves sibling/);
});
