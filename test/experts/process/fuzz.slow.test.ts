import { expect, test } from 'vitest';
import { listen } from '../../../rpc/socket/server.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import { uniform } from '../../support/random.ts';
import { createTestShard, model } from '../shard.ts';
import { answerOf, frameBreaker, hello, honestMessages, honestRun, Victim } from './fuzz.ts';

const frames = 20_000;
const lanes = 8;
const frameBytes = 100_000;
const run = honestRun(model);
const honest = honestMessages(run);

test(`a shard survives ${frames} broken frames, and answers valid calls correctly meanwhile`, async () => {
  const { service } = await createTestShard();
  const server = await listen({ handlers: service.handlers, maxFrameBytes: frameBytes });
  const { address } = server;
  const transport = await openSocketTransport(address, { hello });
  const expected = await answerOf(transport, run);
  let sent = 0;
  let cut = 0;
  async function lane(number: number): Promise<void> {
    const broken = frameBreaker(honest, uniform(number + 1));
    let victim = await Victim.open({ address, frameBytes });
    while (sent < frames) {
      if (++sent % 500 === 0) expect(await answerOf(transport, run)).toEqual(expected);
      const lives = await victim.survives(broken());
      if (lives) continue;
      cut++;
      victim = await Victim.open({ address, frameBytes });
    }
    victim.end();
  }
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  expect(await answerOf(transport, run)).toEqual(expected);
  expect(cut).toBeGreaterThan(frames / 20); // some frames break the protocol …
  expect(cut).toBeLessThan(frames); // … others are only refused
  transport.close();
  await server.close({ graceMs: 1_000 });
}, 120_000);
