// Sends broken frames in the fast layout to a served shard over several connections.
import { expect, test } from 'vitest';
import { fastCall } from '../support/network/fast-frames.ts';
import { uniform } from '../support/random.ts';
import { Victim } from './process/fuzz.ts';
import { callOf, fastCallBreaker, outcomeOf, serve, warm } from './served-calls.ts';

const frames = 200_000;
const lanes = 16;

test(`a served shard survives ${frames} broken fast frames, and answers valid calls correctly meanwhile`, async () => {
  const { server, open, service } = await serve();
  const honest = await open();
  await warm(honest);
  honest.write(fastCall(callOf(1)));
  const expected = outcomeOf(await honest.next());
  const options = { address: server.address, frameBytes: 100_000 };
  let sent = 0;
  let cut = 0;
  async function lane(number: number): Promise<void> {
    const broken = fastCallBreaker(uniform(100 + number));
    let victim = await Victim.open(options);
    while (sent < frames) {
      if (!(await victim.survives(broken(++sent)))) {
        cut++;
        victim = await Victim.open(options);
      }
    }
    victim.end();
  }
  async function check(): Promise<void> {
    while (sent < frames) {
      honest.write(fastCall(callOf(1)));
      expect(outcomeOf(await honest.next())).toEqual(expected);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  await Promise.all([check(), ...Array.from({ length: lanes }, (_, number) => lane(number))]);
  expect(cut).toBeGreaterThan(frames / 40);
  await expect.poll(() => service.counts.inFlight).toBe(0);
  honest.write(fastCall(callOf(1)));
  expect(outcomeOf(await honest.next())).toEqual(expected);
});
