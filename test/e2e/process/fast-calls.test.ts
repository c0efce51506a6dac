// A shard process as an operator runs it: once its experts are in memory, the addon answers its calls.
import { expect, test } from 'vitest';
import { eventually, startCli } from '../../support/process.ts';
import { complete, scrape, startConnected } from '../gateway.ts';

test('a shard answers calls of a gateway without JavaScript, once its experts have been read', async () => {
  const shard = startCli([
    'shard',
    '--model',
    'nano',
    '--experts',
    '0-95',
    '--port',
    '0',
    '--metrics-port',
    '0',
  ]);
  const [, address = ''] = await shard.says(/shard ready on (\S+:\d+):/);
  const [, metrics = ''] = await shard.says(/metrics at (http:\S+)\/metrics/);
  const gateway = await startConnected('nano', [address]);
  const counted = async (name: string) => (await scrape(metrics)).get(`expertgrid_shard_${name}`) ?? 0;
  await eventually(async () => {
    await complete(gateway, { prompt: 'It was a fine morning, and', max_tokens: 24, temperature: 0 });
    return (await counted('fast_calls_total')) > 100;
  });
  const [fast, all] = [await counted('fast_calls_total'), await counted('calls_total{outcome="ok"}')];
  expect(all).toBeGreaterThanOrEqual(fast);
});
