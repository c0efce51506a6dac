import { expect, test } from 'vitest';
import { Adoptions } from '../../experts/adoptions.ts';

const [one, other] = [{}, {}];

test('what is followed is reached when somebody has said so and nobody connected says an earlier epoch', () => {
  const adoptions = new Adoptions();
  adoptions.follow(3);
  expect(adoptions.reached(0)).toBe(false);
  adoptions.say(one, 3, 0);
  adoptions.say(other, 2, 0);
  expect(adoptions.reached(0)).toBe(false);
  expect(adoptions.reached(1e9)).toBe(false);
  adoptions.leave(one);
  adoptions.leave(other);
  expect(adoptions.reached(0)).toBe(true);
  adoptions.follow(4);
  expect(adoptions.reached(0)).toBe(false);
});

test('a later epoch holds back as long as its placement may be on its way, and not for ever', () => {
  const adoptions = new Adoptions();
  adoptions.follow(3);
  adoptions.say(one, 3, 0);
  adoptions.say(other, 1e15, 100);
  expect(adoptions.reached(5_000)).toBe(false);
  expect(adoptions.reached(5_100)).toBe(true);
});

test('a later epoch counts in full once it is followed', () => {
  const adoptions = new Adoptions();
  adoptions.follow(3);
  adoptions.say(one, 4, 0);
  expect(adoptions.reached(60_000)).toBe(false);
  adoptions.follow(4);
  expect(adoptions.reached(60_000)).toBe(true);
});
