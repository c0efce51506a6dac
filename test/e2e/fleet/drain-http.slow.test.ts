// Drains shards through the HTTP API of a gateway, with a secret and with certificates, which distinguish gateways from admins.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { createAuthority } from '../../support/network/certificates.ts';
import { type Running, startCli } from '../../support/process.ts';
import { complete, type Gateway, gatewayOf, stream } from '../gateway.ts';

let bundle: string;
let folder: string;
beforeAll(async () => {
  [bundle, folder] = await Promise.all([tinyBundle(), tinyFolder()]);
});

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

/** Two shards with the same experts, and a gateway. */
async function startFleet(ofShards: readonly string[], ofGateway: readonly string[]) {
  const common = ['--model', bundle, '--port', '0', '--log-level', 'warn'];
  const shards = [0, 1].map(() => startCli(['shard', ...common, '--experts', '0-95', ...ofShards]));
  const addresses = await Promise.all(
    shards.map(async (shard) => (await shard.says(/shard ready on (\S+?):? /))[1] ?? ''),
  );
  const gateway = await gatewayOf(
    startCli(['gateway', ...common, '--shards', addresses.join(','), ...ofGateway]),
  );
  return { shards, addresses, gateway };
}

async function drain({ url }: Gateway, address: string | undefined) {
  const response = await fetch(`${url}/v1/shards/drain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ address }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** State of each shard by address. */
async function states({ url }: Gateway): Promise<Record<string, string>> {
  const { data } = (await (await fetch(`${url}/v1/shards`)).json()) as {
    data: { address: string; state: string }[];
  };
  return Object.fromEntries(data.map(({ address, state }) => [address, state]));
}

async function availableBoth(gateway: Gateway): Promise<void> {
  while (Object.values(await states(gateway)).some((state) => state !== 'available')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

it('drains a shard with a secret without losing or changing a token of a running stream', async () => {
  const secret = ['--secret-file', await file('secret', 'a secret of 30 bytes for tests')];
  const { shards, addresses, gateway } = await startFleet(secret, secret);
  await availableBoth(gateway);
  const asked = { prompt: 'It was', max_tokens: 200, temperature: 0, seed: 1 };
  const undisturbed = await complete(gateway, asked);
  let text = '';
  let drained: ReturnType<typeof drain> | undefined;
  for await (const event of stream(gateway, asked)) {
    expect(event.error).toBeUndefined();
    text += event.choices?.[0]?.text ?? '';
    drained ??= drain(gateway, addresses[0]);
  }
  expect(text).toBe(undisturbed.choices[0]?.text);
  expect(await drained).toMatchObject({ status: 200, body: { safe_to_delete: true, in_flight: 0 } });
  expect(await (shards[0] as Running).exit).toEqual({ code: 0, signal: null });
  const refused = await drain(gateway, addresses[1]);
  expect(refused).toMatchObject({ status: 409, body: { error: { code: 'only_holder' } } });
});

it('leaves the shard in service if the gateway has a certificate without the admin role', async () => {
  const authority = createAuthority();
  const ca = ['--tls-ca', await file('ca.pem', authority.ca)];
  const flags = async (name: string) => {
    const { cert, key } = authority.issue({ commonName: name, dns: [name], ip: ['127.0.0.1'] });
    const paths = [await file(`${name}.pem`, cert), await file(`${name}.key`, key)];
    return ['--tls-cert', paths[0] ?? '', '--tls-key', paths[1] ?? '', ...ca];
  };
  const { addresses, gateway } = await startFleet(await flags('shard-1'), await flags('gateway-1'));
  await availableBoth(gateway);
  const { status, body } = await drain(gateway, addresses[0]);
  expect([status, (body.error as { code: string }).code]).toEqual([403, 'insufficient_permissions']);
  expect((body.error as { message: string }).message).toContain("an admin's certificate");
  await availableBoth(gateway);
});
