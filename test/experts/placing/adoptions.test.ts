import { expect, test } from 'vitest';
import { Adoptions } from '../../../experts/placing/adoptions.ts';
import { noPlacement, type PlacementId } from '../../../experts/placing/placement-id.ts';

const [one, other] = [{}, {}];

const id = (epoch: number, letter = 'a'): PlacementId => ({ epoch, hash: `sha256:${letter.repeat(64)}` });
/** The statement of a gateway of an older release: an epoch without a hash. */
const bare = (epoch: number): PlacementId => ({ epoch, hash: '' });

test('a placement is reached if a gateway has adopted it and no connected gateway acts on an earlier one', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  expect(adoptions.reached(0)).toBe(false);
  adoptions.say(one, id(3), 0);
  adoptions.say(other, id(2), 0);
  expect(adoptions.reached(4_999)).toBe(false);
  adoptions.leave(one);
  adoptions.leave(other);
  expect(adoptions.reached(0)).toBe(true);
  adoptions.follow(id(4));
  expect(adoptions.reached(0)).toBe(false);
});

test('an earlier placement blocks unloading while a gateway repeats its statement', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, id(3), 0);
  for (const now of [0, 2_000, 4_000]) adoptions.say(other, id(2), now);
  expect(adoptions.reached(8_999)).toBe(false);
  expect(adoptions.reached(9_000)).toBe(true);
});

test('a later placement blocks unloading for 5 s after its first statement, even if the statement is repeated', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, id(3), 0);
  for (const now of [0, 2_000, 4_000]) adoptions.say(other, id(4), now);
  expect(adoptions.reached(4_999)).toBe(false);
  expect(adoptions.reached(5_000)).toBe(true);
});

test('a placement with a very high epoch also blocks unloading for only 5 s', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, id(3), 0);
  adoptions.say(other, id(1e15), 100);
  expect(adoptions.reached(5_000)).toBe(false);
  expect(adoptions.reached(5_100)).toBe(true);
});

test('a statement about a placement also counts if the shard follows this placement only afterwards', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, id(4), 0);
  expect(adoptions.reached(60_000)).toBe(false);
  adoptions.follow(id(4));
  expect(adoptions.reached(60_000)).toBe(true);
});

test('of two placements with the same epoch, the one with the greater hash is later, and a statement about one does not count for the other', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3, 'b'));
  adoptions.say(one, id(3, 'a'), 0);
  expect(adoptions.reached(60_000)).toBe(false);
  adoptions.say(one, id(3, 'b'), 0);
  expect(adoptions.reached(0)).toBe(true);
  adoptions.say(other, id(3, 'a'), 60_000);
  expect(adoptions.reached(60_000)).toBe(false);
  adoptions.say(other, id(3, 'c'), 60_000);
  expect(adoptions.reached(60_000)).toBe(false);
  expect(adoptions.reached(65_000)).toBe(true);
});

test('a statement without a hash blocks unloading if its epoch is lower, and never shows that a placement is served', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, bare(3), 0);
  expect(adoptions.reached(60_000)).toBe(false);
  adoptions.say(other, id(3), 0);
  expect(adoptions.reached(0)).toBe(true);
  adoptions.say(one, bare(2), 0);
  expect(adoptions.reached(0)).toBe(false);
  adoptions.say(one, noPlacement, 0);
  expect(adoptions.reached(0)).toBe(false);
});
