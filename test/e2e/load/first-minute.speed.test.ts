// The embedded model right after its start: a newcomer's first minute must not be slower than the rest.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { firstMinute, streamFor } from '../../../bench/load/first-minute-rate.ts';
import { startUp } from '../gateway.ts';

const nano = join(import.meta.dirname, '..', '..', '..', 'models', 'nano');
const LEAST_SHARE = 0.9;

it.each([
  ['in process', ['--in-process']],
  ['over two shards', ['--shards', '2']],
])(
  `decodes in the first minute at ${LEAST_SHARE} of the settled speed or more, %s`,
  async (_, flags) => {
    const { url, model } = await startUp(nano, flags);
    const { early, settled, share } = firstMinute(await streamFor(url, model, 80), {
      seconds: 60,
      settled: 20,
    });
    console.log(
      `measured: ${early.toFixed(0)} tokens/s in the first minute, ${settled.toFixed(0)} after it: ${share.toFixed(2)}x`,
    );
    expect(share).toBeGreaterThanOrEqual(LEAST_SHARE);
  },
  180_000,
);
