// The long form of the fuzz test: other requests, each of which must be answered within seconds.
import { expect, test } from 'vitest';
import { fuzzRoom } from './fuzz-room.ts';

const requests = 20_000;

test(`${requests} broken requests are answered, each within seconds`, async () => {
  const { faults, answers, slowest } = await fuzzRoom({ requests, seed: 2 });
  process.stdout.write(`${JSON.stringify({ requests, answers: Object.fromEntries(answers), slowest })}\n`);
  expect(faults).toEqual([]);
  expect(slowest.ms).toBeLessThan(5_000);
}, 600_000);
