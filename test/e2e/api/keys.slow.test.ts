// A gateway with API keys: the command makes and revokes keys while the gateway runs, prompts of different keys share no cache, and
// usage is logged.
import { execFileSync } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { AuthenticationError, RateLimitError } from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually, freePort, startCli } from '../../support/process.ts';
import { type Gateway, gatewayOf, startUp } from '../gateway.ts';

let bundle: string;
let folder: string;
let keys: string;
let usage: string;
let gateway: Gateway;
const key: Record<string, string> = {};
const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

function run(...args: string[]): string {
  return execFileSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

beforeAll(async () => {
  [bundle, folder] = await Promise.all([tinyBundle(), tinyFolder()]);
  keys = join(folder, 'keys');
  usage = join(folder, 'usage.jsonl');
  const limits: Record<string, string[]> = {
    alice: [],
    bob: [],
    slow: ['--rpm', '1'],
    short: ['--tpm', '40'],
    single: ['--concurrency', '1'],
    root: ['--admin'],
  };
  for (const [name, flags] of Object.entries(limits)) {
    key[name] = run('key', 'create', name, ...flags, '--file', keys).trim();
  }
  const flags = [
    '--in-process',
    '--api-keys',
    keys,
    '--usage-log',
    usage,
    '--cors-origin',
    'https://a.example',
  ];
  gateway = await startUp(bundle, flags);
}, 60_000);

const clientOf = (name: string) =>
  new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: key[name] ?? name, maxRetries: 0 });

/** 64 equal ids, which are two blocks of the cache, and then the id `end`, which is not cached. */
const prompt = (start: number, end: number) => [...Array<number>(64).fill(10 + start), end];

async function cachedOf(name: string, start: number, more: Record<string, unknown> = {}): Promise<number> {
  const body = { model: gateway.model, prompt: prompt(start, 1), max_tokens: 2, ...more };
  const { usage } = await clientOf(name).completions.create(body);
  return usage?.prompt_tokens_details?.cached_tokens ?? Number.NaN;
}

const usageLines = async () =>
  (await readFile(usage, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('a gateway with keys', () => {
  it('accepts only requests with a key, and its ready text says so', async () => {
    expect(gateway.process.stdout).toContain('-H "authorization: Bearer $EXPERTGRID_API_KEY"');
    await expect(clientOf('eg-wrong').models.list()).rejects.toBeInstanceOf(AuthenticationError);
    expect((await clientOf('alice').models.list()).data[0]?.id).toBe(gateway.model);
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  });

  it('shares cached prefixes within one key, but not between keys or salts', async () => {
    expect(await cachedOf('alice', 1)).toBe(0);
    expect(await cachedOf('alice', 1)).toBe(64);
    expect(await cachedOf('bob', 1)).toBe(0);
    expect(await cachedOf('bob', 1, { cache_salt: 'ours' })).toBe(0);
    expect(await cachedOf('alice', 1, { cache_salt: 'ours' })).toBe(64);
  });

  it('limits requests, tokens and concurrent requests', async () => {
    const ask = { model: gateway.model, prompt: 'x', max_tokens: 2 };
    await clientOf('slow').completions.create(ask);
    const refused = await clientOf('slow')
      .completions.create(ask)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RateLimitError);
    expect(refused).toMatchObject({ code: 'rate_limit_exceeded', type: 'requests' });

    const short = { ...ask, max_tokens: 60, ignore_eos: true };
    await clientOf('short').completions.create(short);
    await expect(clientOf('short').completions.create(ask)).rejects.toMatchObject({ type: 'tokens' });

    const long = { ...ask, max_tokens: 400, ignore_eos: true, stream: true as const };
    const stream = await clientOf('single').completions.create(long);
    await expect(clientOf('single').completions.create(ask)).rejects.toBeInstanceOf(RateLimitError);
    stream.controller.abort();
    await eventually(async () => {
      const again = clientOf('single').completions.create(ask);
      return await again.then(
        () => true,
        () => false,
      );
    });
  });

  it('answers a browser’s preflight without a key', async () => {
    const headers = { origin: 'https://a.example', 'access-control-request-method': 'POST' };
    const asked = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'OPTIONS', headers });
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, headers.origin]);
  });

  it('accepts new and refuses revoked keys within two seconds, and keeps its keys if the file becomes invalid', async () => {
    run('key', 'revoke', 'bob', '--file', keys);
    const fresh = run('key', 'create', 'fresh', '--file', keys).trim();
    const list = (given: string) =>
      fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${given}` } });
    await eventually(async () => (await list(fresh)).status === 200, 4_000);
    expect((await list(key.bob!)).status).toBe(401);
    const good = await readFile(keys, 'utf8');
    const ready = async () => (await (await fetch(`${gateway.url}/health/ready`)).json()) as object;
    await writeFile(keys, '{"name":');
    await gateway.process.says(/line 1 is not a key: .*; the API keys stay as they were/);
    await writeFile(keys, '');
    await gateway.process.says(/is empty; the API keys stay as they were/);
    expect((await list(fresh)).status).toBe(200);
    expect(await ready()).toMatchObject({ status: 'ready', warnings: [{ what: 'api_keys' }] });
    await writeFile(keys, good);
    await eventually(async () => !('warnings' in (await ready())), 4_000);
  });

  it('shows expert heat only to an admin key, and the command says so', async () => {
    const without = startCli(['heat', gateway.url]);
    expect((await without.exit).code).toBe(1);
    expect(without.stderr).toContain(
      'the gateway answered 401 to /v1/experts/heat; give the key of an admin as --api-key',
    );
    expect(run('heat', gateway.url, '--api-key', key.root!)).toContain('rows per layer');
  });

  it('writes usage to the named file, also after that file was renamed, and loses no line if the gateway is killed', async () => {
    const before = await usageLines();
    expect(new Set(before.map(({ key }) => key))).toEqual(
      new Set(['alice', 'bob', 'slow', 'short', 'single']),
    );
    const cached = before.filter(({ key }) => key === 'alice').map(({ cached_tokens }) => cached_tokens);
    expect(cached).toEqual([0, 64, 64]);
    await rename(usage, `${usage}.1`);
    const answers = [];
    for (let i = 0; i < 5; i++) {
      answers.push(
        await clientOf('alice').completions.create({
          model: gateway.model,
          prompt: [1, 2, 3, i],
          max_tokens: 3,
        }),
      );
    }
    gateway.process.signal('SIGKILL');
    await gateway.process.exit;
    const lines = await usageLines();
    expect(lines.map(({ prompt_tokens, generated_tokens }) => [prompt_tokens, generated_tokens])).toEqual(
      answers.map(({ usage }) => [usage?.prompt_tokens, usage?.completion_tokens]),
    );
    expect(lines[0]).toMatchObject({ key: 'alice', endpoint: '/v1/completions', status: 200 });
  });
});

describe('two gateways with one file of keys', () => {
  it('pass a prompt on with its key: both find the key’s cached prefixes, and usage is written once', async () => {
    const shard = startCli(['shard', '--model', bundle, '--experts', '0-95', '--port', '0']);
    const [, address = ''] = await shard.says(/shard ready on (\S+:\d+):/);
    const ports = [await freePort(), await freePort()];
    const logs = ports.map((port) => join(folder, `usage-${port}.jsonl`));
    const peers = ports.map((port) => `127.0.0.1:${port}`).join(',');
    const shared = ['--model', bundle, '--shards', address, '--peers', peers, '--api-keys', keys];
    const gateways = await Promise.all(
      ports.map((port, i) => {
        const own = ['--port', String(port), '--usage-log', logs[i]!, '--log-level', 'warn'];
        return gatewayOf(startCli(['gateway', ...shared, ...own]));
      }),
    );
    let requests = 0;
    const ask = async (at: number, name: string, start: number) => {
      const response = await fetch(`${gateways[at]!.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key[name]}` },
        body: JSON.stringify({ model: gateways[at]!.model, prompt: prompt(start, 1), max_tokens: 2 }),
      });
      if (response.ok) requests++;
      const answer = (await response.json()) as OpenAI.Completion;
      return {
        cached: answer.usage?.prompt_tokens_details?.cached_tokens,
        by: response.headers.get('x-expertgrid-gateway'),
      };
    };
    for (const at of [0, 1]) {
      let start = 100;
      // A gateway that passes a prompt on has found both the shard and the other gateway.
      await eventually(async () => (await ask(at, 'root', start++)).by !== null);
    }
    const passed = new Set<string | null>();
    for (let start = 1; start <= 6; start++) {
      expect((await ask(start % 2, 'alice', start)).cached).toBe(0);
      const again = await ask((start + 1) % 2, 'alice', start);
      expect(again.cached).toBe(64);
      passed.add(again.by);
      expect((await ask(start % 2, 'root', start)).cached).toBe(0);
    }
    expect(passed.size).toBeGreaterThan(1);
    const lines = (await Promise.all(logs.map((log) => readFile(log, 'utf8'))))
      .join('')
      .trimEnd()
      .split('\n');
    const told = lines.map((line) => JSON.parse(line)).filter(({ status }) => status === 200);
    expect(told.length).toBe(requests);
    expect(new Set(told.map(({ request }) => request)).size).toBe(requests);
  });
});

describe('usage', () => {
  it.each([
    [
      'a file of keys that does not exist',
      () => ['--api-keys', join(folder, 'none')],
      1,
      'there is no such file',
    ],
    ['an invalid origin', () => ['--cors-origin', 'example.com'], 2, "'example.com' is not an origin"],
  ])('%s is refused', async (_what, flags, code, reason) => {
    const up = startCli(['up', '--model', bundle, '--in-process', '--port', '0', ...flags()]);
    expect((await up.exit).code).toBe(code);
    expect(up.stderr).toContain(reason);
  });

  it('a gateway without keys warns if other machines can reach it', async () => {
    const flags = ['--model', bundle, '--in-process', '--port', '0', '--host', '0.0.0.0'];
    const open = await gatewayOf(startCli(['up', ...flags]));
    expect(open.process.stderr).toContain(
      '--host 0.0.0.0 without --api-keys: anyone who can connect may use the API',
    );
    open.process.signal('SIGTERM');
    await open.process.exit;
  });
});
