import { expect, test } from 'vitest';
import { fuzzRoom } from './fuzz-room.ts';

const requests = 700;

test(`${requests} broken requests are answered in their endpoints' shapes, and valid requests are still answered`, async () => {
  const { faults, answers } = await fuzzRoom({ requests, seed: 1 });
  expect(faults).toEqual([]);
  expect(answers.get(200)).toBeGreaterThan(requests / 10); // some changes leave the request valid
  expect(answers.get(400)).toBeGreaterThan(requests / 4); // the other changes are refused
}, 120_000);
