// Upper bounds for the memory of `up` on nano after eight requests at once. docs/benchmarks.md has the measured figures.
import { expect, it } from 'vitest';
import { proportionalBytes, treeOf } from '../../../bench/process-tree.ts';
import { complete, startUp } from '../gateway.ts';

const streams = Array.from({ length: 8 }, (_, seed) => ({
  prompt: `It was a fine morning, and ${seed}`,
  max_tokens: 200,
  seed,
}));

it.runIf(process.platform === 'linux')(
  'the memory of up is below 500 MB in total, and below 80 MB for each of its four shards',
  async () => {
    const up = await startUp('nano');
    await Promise.all(streams.map((asked) => complete(up, asked)));
    const [gateway = Number.NaN, ...shards] = treeOf(up.process.pid).map(proportionalBytes);
    expect(shards).toHaveLength(4);
    for (const bytes of shards) expect(bytes).toBeLessThan(80e6);
    expect(shards.reduce((sum, bytes) => sum + bytes, gateway)).toBeLessThan(500e6);
  },
);
