// Shards that send bad answers, fall silent or do not exist, as clients and operators of a gateway see them.
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { modelOffer } from '../../../experts/held-model.ts';
import { parseHoldings } from '../../../experts/holdings.ts';
import { ShardService } from '../../../experts/service.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { mapInUnits } from '../../../model/devices/expert.ts';
import { openExpertDevice } from '../../../model/devices/open.ts';
import { recordGoldens } from '../../../model/goldens.ts';
import { formatAddress } from '../../../rpc/address.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { listen } from '../../../rpc/socket/server.ts';
import type { Params } from '../../../rpc/transport.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually, freePort, startCli } from '../../support/process.ts';
import { complete, type Gateway, gatewayOf, post, startConnected } from '../gateway.ts';

let model: string;
beforeAll(async () => {
  model = join(await tinyFolder(), 'tiny');
  await cp(await tinyBundle(), model, { recursive: true });
  await recordGoldens(model);
});

/** How a call is mistreated. Undefined if the shard answers it correctly. */
type Fault = (params: Params) => 'swallow' | 'late' | RpcError | undefined;

interface HostileShard {
  address: string;
  fault: Fault;
}

const honest: Fault = () => undefined;
const isGolden = ({ trace }: Params) => trace === 'golden';

/** A shard in this process whose `fault` mistreats calls. It always answers pings. */
async function hostileShard(experts = '0-95'): Promise<HostileShard> {
  const bundle = await openBundle(model);
  const units = parseHoldings(experts, bundle.config);
  const device = await openExpertDevice({ bundle, threads: 1 });
  await device.load(units);
  mapInUnits(device, units);
  const { handlers } = new ShardService({
    models: [{ device, model: modelOffer(bundle), units }],
    version: 'hostile',
  });
  const server = await listen({
    handlers: {
      ...handlers,
      async 'expert.run'(params, context) {
        const fault = shard.fault(params);
        if (fault instanceof RpcError) throw fault;
        if (fault === 'swallow') return await new Promise(() => {});
        if (fault === 'late') await new Promise((resolve) => setTimeout(resolve, 12_000));
        return await handlers['expert.run']!(params, context);
      },
    },
  });
  const shard: HostileShard = { address: formatAddress(server.address), fault: honest };
  onTestFinished(async () => {
    await server.close({ graceMs: 0 });
    await device.dispose();
    await bundle.close();
  });
  return shard;
}

interface Shards {
  without_replica: { layer: number; experts: string }[];
  data: { address: string; state: string }[];
}

async function shardsOf({ url }: Gateway): Promise<Shards> {
  return (await (await fetch(`${url}/v1/shards`)).json()) as Shards;
}

async function isReady({ url }: Gateway): Promise<boolean> {
  return (await fetch(`${url}/health/ready`)).ok;
}

async function stateOf(gateway: Gateway, { address }: HostileShard): Promise<string | undefined> {
  const { data } = await shardsOf(gateway);
  return data.find((shard) => shard.address === address)?.state;
}

async function gauge(gateway: Gateway, name: string): Promise<number> {
  const page = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(
    page
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(' ')
      .at(-1),
  );
}

const lines = (gateway: Gateway, text: string) =>
  gateway.process.stderr.split('\n').filter((line) => line.includes(text));

function tellTime(how: string, since: number): void {
  process.stdout.write(`taken out ${how} after ${((performance.now() - since) / 1_000).toFixed(1)} s\n`);
}

const asked = { prompt: 'It was', max_tokens: 8, temperature: 0, seed: 1 };

it('a retry hint of 1e308 ms becomes one minute for the client, and only the log has the address of the shard', async () => {
  const shard = await hostileShard();
  const gateway = await startConnected(model, [shard.address]);
  await complete(gateway, asked);
  shard.fault = (params) =>
    isGolden(params) ? undefined : new RpcError('busy', '\u001b[2Jlater', { retryAfterMs: 1e308 });
  const refused = await post(gateway, asked);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(refused.headers.get('retry-after-ms')).toBe('60000');
  const text = await refused.text();
  expect(text).toContain('the expert shards are busy');
  expect(text).not.toContain('127.0.0.1');
  await eventually(() => lines(gateway, `shard ${shard.address}: \ufffd[2Jlater`).length === 1);
});

describe('a shard that answers pings', () => {
  const faults: [string, Fault][] = [
    ['and swallows every call', () => 'swallow'],
    ['and answers calls after their deadline', (params) => (isGolden(params) ? undefined : 'late')],
    ['but swallows rows of prompts', (params) => (params.priority === 1 ? 'swallow' : undefined)],
    ['and golden rows, but swallows all other rows', (params) => (isGolden(params) ? undefined : 'swallow')],
  ];

  it.each(faults)(
    '%s, without a replica, leaves service, is logged and counted, and comes back',
    async (_, fault) => {
      const shard = await hostileShard();
      const gateway = await startConnected(model, [shard.address]);
      const before = await complete(gateway, asked);
      shard.fault = fault;
      const since = performance.now();
      const request = post(gateway, asked);
      await eventually(async () => !(await isReady(gateway)), 20_000);
      tellTime('alone', since);
      await eventually(() => lines(gateway, 'is unresponsive').length > 0);
      expect(lines(gateway, 'is unresponsive')[0]).toContain(`shard ${shard.address} is unresponsive`);
      await eventually(async () => (await gauge(gateway, 'expertgrid_engine_unresponsive_shards_total')) > 0);
      shard.fault = honest;
      await eventually(async () => (await stateOf(gateway, shard)) === 'available', 30_000);
      expect((await complete(gateway, asked)).choices[0]?.text).toBe(before.choices[0]?.text);
      const failed = await request; // this request was at the shard when the shard fell silent
      if (!failed.ok) expect(await failed.text()).not.toContain(shard.address);
    },
  );

  it('and swallows every call costs no answer if there is a replica, and the lost redundancy is logged and counted', async () => {
    const shards = [await hostileShard(), await hostileShard()] as const;
    const gateway = await startConnected(
      model,
      shards.map(({ address }) => address),
    );
    const before = await complete(gateway, asked);
    await eventually(async () => (await gauge(gateway, 'expertgrid_model_units_without_replica')) === 0);
    const since = performance.now();
    shards[0].fault = () => 'swallow';
    const taken = eventually(async () => (await stateOf(gateway, shards[0])) === 'unresponsive', 60_000);
    let answers = 0;
    let isTaken = false;
    void taken.then(() => {
      isTaken = true;
    });
    while (!isTaken) {
      expect((await complete(gateway, asked)).choices[0]?.text).toBe(before.choices[0]?.text);
      answers++;
    }
    tellTime('beside a replica', since);
    expect(answers).toBeGreaterThan(0);
    expect(await isReady(gateway)).toBe(true);
    expect((await shardsOf(gateway)).without_replica[0]).toEqual({ layer: 0, experts: '0-95' });
    expect(await gauge(gateway, 'expertgrid_model_units_without_replica')).toBeGreaterThan(0);
    await eventually(() => lines(gateway, 'redundancy is lost').length === 1);
    shards[0].fault = honest;
    await eventually(
      async () => (await gauge(gateway, 'expertgrid_model_units_without_replica')) === 0,
      90_000,
    );
  });
});

describe('a file of shards', () => {
  it('with hundreds of dead addresses delays no request', async () => {
    const shard = await hostileShard();
    const dead = Array.from({ length: 1_000 }, (_, i) => `127.1.${i >> 8}.${i & 255}:${9}`);
    const file = join(await tinyFolder(), 'shards');
    await writeFile(file, `${[...dead, shard.address].join('\n')}\n`);
    const gateway = await gatewayOf(
      startCli(['gateway', '--model', model, '--shards-file', file, '--port', '0', '--log-level', 'error']),
    );
    await eventually(() => isReady(gateway), 10_000);
    const alone = await startConnected(model, [shard.address]);
    const timed = async (at: Gateway) => {
      const startedAt = performance.now();
      await complete(at, { ...asked, max_tokens: 200 });
      return performance.now() - startedAt;
    };
    const times: { alone: number[]; among: number[] } = { alone: [], among: [] };
    for (let i = 0; i < 5; i++) {
      times.alone.push(await timed(alone));
      times.among.push(await timed(gateway));
    }
    const best = (ms: number[]) => Math.min(...ms);
    process.stdout.write(
      `200 tokens: ${best(times.alone)} ms alone, ${best(times.among)} ms among the dead\n`,
    );
    expect(best(times.among)).toBeLessThan(2 * best(times.alone) + 200);
  });

  it.each([
    ['port 0', 'a:7001\nb:0\n', /shards: line 2: "b:0" names port 0/],
    [
      'a line of 30 MB',
      `a:7001\n${'x'.repeat(30_000_000)}\n`,
      /shards: the file has more than 1048576 bytes/,
    ],
    ['a line of 1 MB', `a:7001\n${'x'.repeat(1_000_000)}\n`, /shards: line 2: "x{59}…" is not an address/],
    [
      '4,741 addresses',
      Array.from({ length: 4_741 }, (_, i) => `h${i}:7001`).join('\n'),
      /shards: names 4741 addresses; 1024 are allowed/,
    ],
  ])('with %s makes the gateway end with one short line', async (_, text, message) => {
    const file = join(await tinyFolder(), 'shards');
    await writeFile(file, text);
    const port = `${await freePort()}`;
    const gateway = startCli(['gateway', '--model', model, '--shards-file', file, '--port', port]);
    expect(await gateway.exit).toEqual({ code: 1, signal: null });
    const told = gateway.stderr.split('\n').find((line) => message.test(line));
    expect(told?.length).toBeLessThan(400);
  });
});
