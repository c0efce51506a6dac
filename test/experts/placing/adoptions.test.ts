import { expect, test } from 'vitest';
import { Adoptions } from '../../../experts/placing/adoptions.ts';
import { noPlacement, type PlacementId } from '../../../experts/placing/placement-id.ts';

const [one, other] = [{}, {}];

const id = (epoch: number, letter = 'a'): PlacementId => ({ epoch, hash: `sha256:${letter.repeat(64)}` });
/** As a gateway of an older release tells it. */
const bare = (epoch: number): PlacementId => ({ epoch, hash: '' });

test('what is followed is reached when somebody has said so and nobody connected says an earlier epoch', () => {
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

test('an earlier placement holds back as long as somebody goes on saying it', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, id(3), 0);
  for (const now of [0, 2_000, 4_000]) adoptions.say(other, id(2), now);
  expect(adoptions.reached(8_999)).toBe(false);
  expect(adoptions.reached(9_000)).toBe(true);
});

test('a later placement holds back from when it was said first, however often it is said', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, id(3), 0);
  for (const now of [0, 2_000, 4_000]) adoptions.say(other, id(4), now);
  expect(adoptions.reached(4_999)).toBe(false);
  expect(adoptions.reached(5_000)).toBe(true);
});

test('a later epoch holds back as long as its placement may be on its way, and not for ever', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, id(3), 0);
  adoptions.say(other, id(1e15), 100);
  expect(adoptions.reached(5_000)).toBe(false);
  expect(adoptions.reached(5_100)).toBe(true);
});

test('a later epoch counts in full once it is followed', () => {
  const adoptions = new Adoptions();
  adoptions.follow(id(3));
  adoptions.say(one, id(4), 0);
  expect(adoptions.reached(60_000)).toBe(false);
  adoptions.follow(id(4));
  expect(adoptions.reached(60_000)).toBe(true);
});

test('another placement of the same epoch is no word that this one is served, and the greater hash takes its place', () => {
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

test('an epoch without a hash holds back if it is earlier, and is never the word that a placement is served', () => {
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
