// Shards of two zones: a gateway borrows the experts that its own zone lacks, says so everywhere, and can be forbidden to.
import { expect, it } from 'vitest';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { startCli } from '../../support/process.ts';
import { complete, engineCounter, post, scrape, startConnected, stream } from '../gateway.ts';

const asked = { prompt: 'It was', max_tokens: 40, temperature: 0, expertgrid: { digests: true } };
const LOGS = ['--log-level', 'warn', '--log-format', 'json'];

async function startShard(model: string, experts: string, zone: string): Promise<string> {
  const args = ['shard', '--model', model, '--experts', experts, '--zone', zone, '--port', '0'];
  const [, address = ''] = await startCli(args).says(/shard ready on (\S+):/);
  return address;
}

interface ToldShards {
  ready: boolean;
  borrowed: { layer: number; experts: string }[];
  data: { zone: string | null; rows: number }[];
}

it('borrows experts of another zone, counts them, and waits for its own zone if it must not borrow', async () => {
  const model = await tinyBundle();
  const shards = await Promise.all([startShard(model, '0-79', 'eu'), startShard(model, '0-95', 'us')]);
  const [gateway, strict, american] = await Promise.all([
    startConnected(model, shards, ['--zone', 'eu', ...LOGS]),
    startConnected(model, shards, ['--zone', 'eu', '--remote-hops', '0', '--patience', '100']),
    startConnected(model, shards, ['--zone', 'us']),
  ]);
  const alone = await complete(american, asked);
  expect(alone.usage).not.toHaveProperty('remote_hops');
  const answer = await complete(gateway, asked);
  expect(answer.choices).toEqual(alone.choices);
  expect(answer.expertgrid.digests).toEqual(alone.expertgrid.digests);
  const remote = (answer.usage as { remote_hops?: number }).remote_hops ?? 0;
  expect(remote).toBeGreaterThan(0);
  expect(remote).toBe(await engineCounter(gateway, 'remote_hops'));
  expect((await scrape(gateway.url)).get(`expertgrid_model_units_borrowed{model="${gateway.model}"}`)).toBe(
    48,
  );

  const told = (await (await fetch(`${gateway.url}/v1/shards`)).json()) as ToldShards;
  expect(told).toMatchObject({
    ready: true,
    borrowed: [0, 1, 2].map((layer) => ({ layer, experts: '80-95' })),
    data: [{ zone: 'eu' }, { zone: 'us', rows: remote }],
  });
  const log = () => gateway.process.stderr;
  await expect
    .poll(log, { timeout: 10_000 })
    .toContain('shards of other zones are called, because none of zone eu serves layers 0-2: experts 80-95');

  const events = [];
  for await (const event of stream(gateway, { ...asked, stream_options: { include_usage: true } }))
    events.push(event as { usage?: { remote_hops?: number } });
  expect(events.at(-1)?.usage?.remote_hops).toBe(remote);

  const refused = await post(strict, asked);
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ error: { code: 'shard_unavailable' } });
  const replaced = await complete(strict, { ...asked, expertgrid: { degrade: 'next_best' } });
  expect(replaced.usage).toMatchObject({ degraded_hops: { next_best: expect.any(Number) } });
  expect(replaced.usage).not.toHaveProperty('remote_hops');
});
