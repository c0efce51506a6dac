// Upper bounds for the memory of `up` on nano after a load. docs/benchmarks.md has the measured figures.
import { expect, it } from 'vitest';
import { proportionalBytes, treeOf } from '../../../bench/process-tree.ts';
import { complete, startUp } from '../gateway.ts';

const streams = Array.from({ length: 8 }, (_, seed) => ({
  prompt: `It was a fine morning, and ${seed}`,
  max_tokens: 200,
  seed,
}));

it.runIf(process.platform === 'linux')(
  'is below 500 MB for a gateway and four shards, and below 80 MB for each shard',
  async () => {
    const up = await startUp('nano');
    await Promise.all(streams.map((asked) => complete(up, asked)));
    const [gateway = Number.NaN, ...shards] = treeOf(up.process.pid).map(proportionalBytes);
    expect(shards).toHaveLength(4);
    for (const bytes of shards) expect(bytes).toBeLessThan(80e6);
    expect(shards.reduce((sum, bytes) => sum + bytes, gateway)).toBeLessThan(500e6);
  },
);
