// The default --prefill-share on the embedded model: how much a prompt of 2,000 tokens and decoding sequences slow each other.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../../../bench/in-process.ts';
import { type Arrival, arrival } from '../../../bench/load/arrival.ts';

const nano = join(import.meta.dirname, '..', '..', '..', 'models', 'nano');
const ROUNDS = 5;

describe('a prompt of 2,000 tokens that arrives while 8 sequences generate', () => {
  it('makes the p99 time between their tokens at most 2.5 times as long, and waits for its first token at most 2.5 times as long as when idle', async () => {
    const found: Arrival[] = [];
    for (let seed = 0; seed < ROUNDS; seed++) {
      const { engine, close } = await openEngine({ model: nano, threads: availableParallelism() });
      found.push(await arrival(engine, { streams: 8, prompt: 2_000, seed }));
      await close();
    }
    const median = (of: (one: Arrival) => number) =>
      found.map(of).sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
    const gap = median(({ gaps, quietGaps }) => gaps.p99 / quietGaps.p99);
    const first = median(({ firstMs, idleFirstMs }) => firstMs / idleFirstMs);
    console.log(
      `measured: p99 gap ${gap.toFixed(2)}x of that without the prompt ` +
        `(${median(({ gaps }) => gaps.p99).toFixed(1)} ms; median gap ` +
        `${median(({ gaps, quietGaps }) => gaps.median / quietGaps.median).toFixed(2)}x), ` +
        `first token ${first.toFixed(2)}x of that alone (${median(({ firstMs }) => firstMs).toFixed(0)} ms)`,
    );
    expect(gap).toBeLessThanOrEqual(2.5);
    expect(first).toBeLessThanOrEqual(2.5);
  });
});
