// The `expertgrid shard` process with credentials: the callers that it serves and refuses, and the flags that it needs.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { helloParams, parseHelloAnswer } from '../../../experts/wire/hello.ts';
import { parseRunAnswer, runRequestToParams } from '../../../experts/wire/run.ts';
import { type Address, parseAddress } from '../../../rpc/address.ts';
import type { Security } from '../../../rpc/security/credentials.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import type { Transport } from '../../../rpc/transport.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { type Authority, createAuthority } from '../../support/network/certificates.ts';
import { eventually, type Running, startCli } from '../../support/process.ts';

const authority = createAuthority();
const secret = 'a secret of the tests';
let bundle: string;
let folder: string;
const transports: Transport[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'closed-shard-'));
  bundle = await tinyBundle();
  await writeFile(join(folder, 'secret'), `${secret}\n`, { mode: 0o600 });
});
afterEach(() => {
  for (const transport of transports.splice(0)) transport.close();
});
afterAll(() => rm(folder, { recursive: true }));

function start(...flags: string[]): Running {
  return startCli(['shard', '--model', bundle, '--experts', '0-3', '--port', '0', ...flags]);
}

async function addressOf(shard: Running): Promise<Address> {
  return parseAddress((await shard.says(/shard ready on ([^\s]+): /))[1] ?? '');
}

async function writeTls({ ca, issue }: Authority): Promise<string[]> {
  const { cert, key } = issue({ commonName: 'shard-1', ip: ['127.0.0.1'] });
  const files = { cert, key, ca };
  for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, name), pem, { mode: 0o600 });
  return Object.keys(files).flatMap((name) => [`--tls-${name}`, join(folder, name)]);
}

function certified(by: Authority, commonName: string, ca = by.ca): Security {
  const material = { ...by.issue({ commonName }), ca };
  return { tls: { material: () => material, peers: [] } };
}

const proven = (text: string): Security => ({ secret: () => Buffer.from(text) });

async function open(address: Address, security?: Security): Promise<Transport> {
  const hello = helloParams({ protocol: 1, role: 'gateway', version: 'test' });
  const transport = await openSocketTransport(address, { hello, ...(security && { security }) });
  transports.push(transport);
  return transport;
}

/** The answer of expert 2 of layer 1 to a fixed row. */
async function run(transport: Transport): Promise<Float32Array> {
  const [model] = parseHelloAnswer(transport.greeting).models;
  if (model === undefined) throw new Error('the shard offers no model');
  const rows = Float32Array.from({ length: model.hidden }, (_, i) => Math.sin(i));
  const asks = Uint16Array.of(0, 2);
  const request = { model: model.identity, layer: 1, priority: 0, trace: '', epoch: 0, rows, asks } as const;
  const answer = await transport.call('expert.run', runRequestToParams(request), { deadlineMs: 60_000 });
  return parseRunAnswer(answer, 1, model.hidden).rows;
}

describe('a shard', () => {
  test.each([
    ['an address that others can reach', ['--host', '0.0.0.0'], /--host 0\.0\.0\.0: .*--secret-file/],
    ['all addresses', ['--host', '::'], /--host ::: .*--secret-file/],
    ['a certificate', ['--tls-cert', import.meta.filename], /--tls-key and --tls-ca are missing/],
  ])('exits with 2 and names the missing flags if %s is given alone', async (_name, flags, reason) => {
    const shard = start(...flags);
    expect(await shard.exit).toEqual({ code: 2, signal: null });
    expect(shard.stderr).toMatch(reason);
  });

  test('prints one line and exits with 1 if the secret file is malformed', async () => {
    const path = join(folder, 'short');
    await writeFile(path, 'short\n', { mode: 0o600 });
    const shard = start('--host', '0.0.0.0', '--secret-file', path);
    expect(await shard.exit).toEqual({ code: 1, signal: null });
    expect(shard.stderr).toMatch(/^expertgrid: .*short holds a secret of 5 bytes; at least 16 are needed/);
  });

  test('with a secret serves callers that prove the secret, and refuses others', async () => {
    const [closed, plain] = [start('--secret-file', join(folder, 'secret')), start()];
    const address = await addressOf(closed);
    await expect(open(address)).rejects.toMatchObject({ code: 'unproven' });
    await expect(open(address, proven('another secret here'))).rejects.toMatchObject({ code: 'unproven' });
    const rows = await run(await open(address, proven(secret)));
    expect(rows).toEqual(await run(await open(await addressOf(plain))));
    await closed.says(/"code":"unproven".*a caller was refused/);
  });

  test('with certificates serves callers whose certificate names a gateway, and reads changed files again', async () => {
    const shard = start(...(await writeTls(authority)));
    const address = await addressOf(shard);
    const rows = await run(await open(address, certified(authority, 'gateway-1')));
    await expect(open(address, certified(authority, 'shard-2'))).rejects.toMatchObject({
      code: 'unproven',
      message: expect.stringContaining("the caller's certificate names shard-2"),
    });
    const later = createAuthority('the next authority');
    await expect(open(address, certified(later, 'gateway-1', authority.ca))).rejects.toMatchObject({
      code: 'unproven',
    });

    await writeTls(later);
    const transport = await eventually(
      () => open(address, certified(later, 'gateway-1')).catch(() => delay(100, undefined)),
      20_000,
    );
    expect(await run(transport)).toEqual(rows);
    await expect(open(address, certified(authority, 'gateway-1'))).rejects.toMatchObject({
      code: 'unproven',
    });
  });
});

test('a gateway serves requests over shards with certificates and a secret', async () => {
  const files = [...(await writeTls(authority)), '--secret-file', join(folder, 'secret')];
  const args = ['--model', bundle, '--port', '0', ...files];
  const shard = startCli(['shard', '--experts', '0-95', '--tls-peers', 'shard-1', ...args]);
  const { host, port } = await addressOf(shard);
  const gateway = startCli(['gateway', '--shards', `${host}:${port}`, ...args]);
  const [, url] = await gateway.says(/ at (http:\S+),/);
  await eventually(async () => (await fetch(`${url}/health/ready`)).ok);
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny', prompt: 'a', max_tokens: 4 }),
  });
  expect(await response.json()).toMatchObject({ usage: { completion_tokens: expect.any(Number) } });
  expect(response.status).toBe(200);
});

test('up passes its secret on to the shards that it starts', async () => {
  const up = startCli([
    'up',
    '--model',
    bundle,
    '--shards',
    '2',
    '--port',
    '0',
    '--secret-file',
    join(folder, 'secret'),
  ]);
  const [text] = await up.says(/\d of 2 shards connected/);
  expect(text).toBe('2 of 2 shards connected');
});
