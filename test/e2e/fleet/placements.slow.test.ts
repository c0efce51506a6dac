// Applies placements to running shards with `expertgrid plan --apply`, as an operator does, while text streams.
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { readManifest } from '../../../model/bundle/manifest.ts';
import { parseAddress } from '../../../rpc/address.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually, freePort, type Running, startCli } from '../../support/process.ts';
import { complete, type Gateway, readiness, startGateway, stream } from '../gateway.ts';

let bundle: string;
let model: string;
beforeAll(async () => {
  bundle = await tinyBundle();
  model = (await readManifest(bundle)).identity;
});

interface Placed {
  process: Running;
  address: string;
  state: string;
}

async function startShard(name: string, state: string, port: number, experts: string, ...more: string[]) {
  const models = more.includes('--model') ? [] : ['--model', bundle];
  const args = ['shard', ...models, '--name', name, '--state', state, '--port', `${port}`];
  const process = startCli([...args, '--experts', experts, '--log-level', 'warn', ...more]);
  const said = (await process.says(/shard ready on (\S+): experts (\S+) of/))!;
  return { process, address: said[1]!, state, experts: said[2]! };
}

async function fleet(holdings: Record<string, string>, ...more: string[]) {
  const folder = await tinyFolder();
  const starting = Object.entries(holdings).map(([name, experts]) =>
    startShard(name, join(folder, name), 0, experts, ...more),
  );
  return { folder, shards: await Promise.all(starting) };
}

async function wholeGateway(shards: readonly Placed[]): Promise<Gateway> {
  const gateway = await startGateway(
    bundle,
    shards.map(({ address }) => address),
  );
  await eventually(async () => (await readiness(gateway)).status === 200);
  return gateway;
}

async function placementFile(folder: string, shards: Record<string, string>): Promise<string> {
  const path = join(folder, `placement-${Object.values(shards).join('_').replaceAll(':', '')}.json`);
  await writeFile(path, JSON.stringify({ version: 1, model, epoch: 1, shards }));
  return path;
}

async function apply(shards: readonly Placed[], file: string, ...more: string[]) {
  const addresses = shards.map(({ address }) => address).join(',');
  const plan = startCli(['plan', '--apply', addresses, '--placement', file, ...more]);
  const { code } = await plan.exit;
  return { code, stdout: plan.stdout, stderr: plan.stderr };
}

async function heldOf({ state }: Placed): Promise<{ held: string; placement: { epoch: number } }> {
  const file = join(state, `placement-${model.slice('sha256:'.length).slice(0, 16)}.json`);
  return JSON.parse(await readFile(file, 'utf8'));
}

test('a move changes no byte of a running stream, and a restarted shard holds the experts of its placement', async () => {
  const { folder, shards } = await fleet({ a: '0-47', b: '48-95' });
  const [a, b] = [shards[0]!, shards[1]!];
  const gateway = await wholeGateway(shards);
  const asked = { prompt: 'It was', max_tokens: 300, temperature: 0, seed: 1 };
  const undisturbed = await complete(gateway, asked);
  const swapped = await placementFile(folder, { a: '48-95', b: '0-47' });
  let text = '';
  let seen = 0;
  let moved: ReturnType<typeof apply> | undefined;
  for await (const event of stream(gateway, asked)) {
    expect(event.error).toBeUndefined();
    text += event.choices?.[0]?.text ?? '';
    if (++seen === 3) moved = apply(shards, swapped);
  }
  expect(text).toBe(undisturbed.choices[0]?.text);
  expect(await moved).toMatchObject({
    code: 0,
    stdout: 'placement 1 is in place on 2 shards\n',
    stderr: expect.stringContaining('moving 100 %  576 of 576 experts'),
  });
  expect(await heldOf(a)).toMatchObject({ held: '48-95', placement: { epoch: 1 } });
  expect(await heldOf(b)).toMatchObject({ held: '0-47', placement: { epoch: 1 } });
  expect((await complete(gateway, asked)).choices[0]?.text).toBe(undisturbed.choices[0]?.text);

  const planned = startCli([
    ...['plan', '--apply', shards.map(({ address }) => address).join(',')],
    ...['--heat', gateway.url, '--model', bundle],
  ]);
  expect(await planned.exit).toMatchObject({ code: 0 });
  expect(planned.stdout).toContain('placement 2 is in place on 2 shards\n');
  expect((await complete(gateway, asked)).choices[0]?.text).toBe(undisturbed.choices[0]?.text);
  expect(await apply(shards, swapped)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('placement 3 '),
  });

  // Applying the same placement again changes nothing. `--experts` sets only the experts that a shard holds at first.
  expect(await apply(shards, swapped)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('placement 3 '),
  });
  a.process.signal('SIGTERM');
  await a.process.exit;
  const port = Number(a.address.split(':')[1]);
  const restarted = await startShard('a', a.state, port, '0-47');
  expect(restarted.experts).toBe('48-95');
  await eventually(async () => (await readiness(gateway)).status === 200);
  expect((await complete(gateway, asked)).choices[0]?.text).toBe(undisturbed.choices[0]?.text);

  // A shard that does not know the placement gets it from the gateway.
  restarted.process.signal('SIGKILL');
  await restarted.process.exit;
  const fresh = await startShard('a', join(folder, 'fresh'), port, '0-47');
  expect(fresh.experts).toBe('0-47');
  await eventually(async () => (await readiness(gateway)).status === 200);
  expect(await heldOf(fresh)).toMatchObject({ placement: { epoch: 3 } });
  await eventually(async () => (await heldOf(fresh)).held === '48-95');
  expect((await complete(gateway, asked)).choices[0]?.text).toBe(undisturbed.choices[0]?.text);
}, 240_000);

test('a shard without a placement waits without experts, and a placement that does not fit the fleet changes nothing', async () => {
  const { folder, shards } = await fleet({ a: '0-95' });
  const port = await freePort();
  const process = startCli([
    ...['shard', '--model', bundle, '--name', 'b', '--state', join(folder, 'b')],
    ...['--port', `${port}`],
  ]);
  expect(await process.says(/experts none of 3 layers/)).toBeDefined();
  const both = [...shards, { process, address: `127.0.0.1:${port}`, state: join(folder, 'b') }];
  for (const [placement, reason] of [
    [{ a: '0-95' }, 'the placement is for a; the shards are a, b'],
    [{ a: '0-94', b: '' }, 'placement: no shard holds expert 95 of layer 0'],
  ] as const) {
    const file = await placementFile(folder, placement);
    expect(await apply(both, file)).toMatchObject({ code: 1, stderr: expect.stringContaining(reason) });
  }
  const nobody = { ...shards[0]!, address: `127.0.0.1:${await freePort()}` };
  const toNobody = await apply([...both, nobody], await placementFile(folder, { a: '0-95' }));
  expect(toNobody.stderr).toMatch(
    /^expertgrid: 127\.0\.0\.1:\d+ did not answer which experts it holds: .*\n$/,
  );
  expect(toNobody.code).toBe(1);
  // Without a gateway, `plan --apply` itself finds out when all shards have applied the placement.
  const file = await placementFile(folder, { a: '0-63', b: '32-95' });
  expect(await apply(both, file)).toMatchObject({ code: 0 });
  expect(await heldOf(both[0]!)).toMatchObject({ held: '0-63' });
  expect(await heldOf(both[1]!)).toMatchObject({ held: '32-95' });
}, 240_000);

test('an interrupted plan --apply leaves the move running, and the same command watches it again', async () => {
  const { folder, shards } = await fleet({ a: '0-47', b: '48-95' });
  // A gateway that does not follow the placement yet blocks all unloading.
  const hello = { protocol: 1, role: 'gateway', version: 'test' };
  const gateways = await Promise.all(
    shards.map(({ address }) => openSocketTransport(parseAddress(address), { hello })),
  );
  const say = () =>
    Promise.all(
      gateways.map((each) => each.call('shard.adopted', { model, epoch: 0 }, { deadlineMs: 60_000 })),
    );
  await say();
  const saying = setInterval(() => void say(), 1_000); // gateways repeat this, too
  onTestFinished(() => clearInterval(saying));
  const file = await placementFile(folder, { a: '40-95', b: '0-47' });
  const command = ['plan', '--apply', shards.map(({ address }) => address).join(',')];
  const plan = startCli([...command, '--placement', file]);
  await plan.says(/moving \d+ %/);
  await eventually(async () => (await heldOf(shards[0]!)).held === '0-95');
  plan.signal('SIGINT');
  expect(await plan.exit).toEqual({ code: 130, signal: null });
  expect(plan.stderr).toContain(
    'the shards continue the move by themselves; run the same command again to watch it\n',
  );
  const again = startCli([...command, '--model', bundle]);
  await again.says(/placement 1 \(\w{12}\), applied by \S.*@\S+ at \S+, is in progress; continuing it/);
  clearInterval(saying);
  for (const gateway of gateways) gateway.close();
  expect(await again.exit).toEqual({ code: 0, signal: null });
  expect(await heldOf(shards[0]!)).toMatchObject({ held: '40-95', placement: { epoch: 1 } });
}, 240_000);

test('if two operators plan from the same placement, the second changes nothing and its error names the first', async () => {
  const { folder, shards } = await fleet({ a: '0-47', b: '48-95' });
  const gateway = await wholeGateway(shards);
  const heat = await (await fetch(`${gateway.url}/v1/experts/heat?transitions=1`)).text();
  // The second operator has read the placement of the shards and still plans while the first operator applies.
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  const { promise: planning, resolve: answer } = Promise.withResolvers<void>();
  const server = createServer(async (_request, response) => {
    onAsked();
    await planning;
    response.setHeader('content-type', 'application/json');
    response.end(heat);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  const second = startCli([
    ...['plan', '--apply', shards.map(({ address }) => address).join(','), '--model', bundle],
    ...['--heat', `http://127.0.0.1:${(server.address() as AddressInfo).port}`],
  ]);
  await asked;
  const swapped = await placementFile(folder, { a: '48-95', b: '0-47' });
  expect(await apply(shards, swapped)).toMatchObject({ code: 0 });
  answer();
  expect(await second.exit).toMatchObject({ code: 1 });
  expect(second.stderr).toMatch(
    /a does not take placement 1 \(\w{12}\): placement 1 \(\w{12}\), applied by \S.*@\S+ at \d{4}-\S+Z, is followed; placement 1 \(\w{12}\) was planned from none\. Nothing has been changed\./,
  );
  for (const shard of shards) expect((await heldOf(shard)).placement.epoch).toBe(1);
  expect(await heldOf(shards[0]!)).toMatchObject({ held: '48-95' });
}, 240_000);

test('an epoch above 1,000,000 is refused before anything changes', async () => {
  const { folder, shards } = await fleet({ a: '0-95' });
  const file = join(folder, 'far.json');
  for (const epoch of [2 ** 53 - 1, 1_000_001]) {
    await writeFile(file, JSON.stringify({ version: 1, model, epoch, shards: { a: '0-95' } }));
    expect(await apply(shards, file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `epoch ${epoch} is too high: it may be at most 1000000; the highest epoch here is 0. The next epoch is 1.`,
      ),
    });
  }
  await writeFile(file, JSON.stringify({ version: 1, model, epoch: 1_000_000, shards: { a: '0-95' } }));
  expect(await apply(shards, file)).toMatchObject({ code: 0 });
}, 240_000);

test('a shard without a bundle fetches the experts that a placement gives it', async () => {
  const server = createServer(async (request, response) => {
    const whole = await readFile(join(bundle, basename(request.url ?? '')));
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    response.writeHead(from === undefined ? 200 : 206);
    response.end(from === undefined ? whole : whole.subarray(Number(from), Number(to) + 1));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  const { folder, shards } = await fleet({ a: '0-95' });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tiny`;
  const b = await startShard('b', join(folder, 'b'), 0, '90-91', '--model', url);
  const both = [...shards, b];
  const gateway = await wholeGateway(both);
  const asked = { prompt: 'It was', max_tokens: 40, temperature: 0, seed: 1, expertgrid: { digests: true } };
  const before = await complete(gateway, asked);
  const file = await placementFile(folder, { a: '0-30', b: '31-95' });
  expect(await apply(both, file)).toMatchObject({ code: 0 });
  expect(b.process.stderr).toContain('fetching 100 %');
  expect(await heldOf(b)).toMatchObject({ held: '31-95' });
  expect((await complete(gateway, asked)).expertgrid.digests).toEqual(before.expertgrid.digests);
}, 240_000);

test('a placement is signed with the secret of the fleet', async () => {
  const folder = await tinyFolder();
  const secret = join(folder, 'secret');
  await writeFile(secret, 'a secret of 30 bytes for tests', { mode: 0o600 });
  const { shards } = await fleet({ a: '0-95' }, '--secret-file', secret);
  const file = await placementFile(folder, { a: '0-95' });
  expect((await apply(shards, file)).code).toBe(1);
  expect(await apply(shards, file, '--secret-file', secret)).toMatchObject({ code: 0 });
  expect(await heldOf(shards[0]!)).toMatchObject({
    placement: { signature: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
}, 240_000);
