// Two models behind one gateway over the same shards, and an alias that moves traffic between them while texts stream.
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually, type Running, startCli } from '../../support/process.ts';
import { complete, type Gateway, gatewayOf, post, readiness, startUp, stream } from '../gateway.ts';

const VERSIONS = ['v1', 'v2'] as const;
const STREAMS = 8;
const asked = (i: number) => ({ prompt: `Stream ${i}:`, max_tokens: 60, temperature: 0.8, seed: i });

let bundles: Record<(typeof VERSIONS)[number], string>;
/** Answer of each version to each prompt if nothing else runs. */
const alone: Record<string, string[]> = { v1: [], v2: [] };

beforeAll(async () => {
  bundles = { v1: await tinyBundle(), v2: await tinyBundle({ seed: 7 }) };
  for (const version of VERSIONS) {
    const up = await startUp(bundles[version], ['--in-process']);
    alone[version] = await texts(up, up.model);
    up.process.signal('SIGTERM');
    await up.process.exit;
  }
});

function texts(gateway: Gateway, model: string): Promise<string[]> {
  const answers = Array.from({ length: STREAMS }, (_, i) => complete(gateway, { ...asked(i), model }));
  return Promise.all(answers.map(async (answer) => (await answer).choices[0]?.text ?? ''));
}

/** Starts a shard. By default it holds the same experts of both versions. */
function startShard(experts: string, versions: readonly (keyof typeof bundles)[] = VERSIONS): Running {
  const held = versions.flatMap((version) => ['--model', bundles[version], '--experts', experts]);
  return startCli(['shard', ...held, '--port', '0', '--log-level', 'warn']);
}

async function addressOf(shard: Running): Promise<string> {
  return (await shard.says(/shard ready on (\S+):/))[1]!;
}

const both = () => VERSIONS.flatMap((version) => ['--model', `${version}=${bundles[version]}`]);

async function startBoth(shards: readonly Running[], flags: readonly string[] = []): Promise<Gateway> {
  const addresses = await Promise.all(shards.map(addressOf));
  const source = ['--shards', addresses.join(','), '--port', '0', '--log-level', 'info'];
  return await gatewayOf(startCli(['gateway', ...both(), ...source, ...flags]));
}

describe('two models over the same two shards', () => {
  let gateway: Gateway;
  let aliases: string;
  beforeAll(async () => {
    aliases = join(await tinyFolder(), 'aliases.json');
    await move({ v1: 100, v2: 0 });
    gateway = await startBoth([startShard('0-47'), startShard('48-95')], ['--aliases', aliases]);
    await eventually(async () => (await readiness(gateway)).status === 200);
  });

  async function move(weights: Record<string, number>): Promise<void> {
    await writeFile(`${aliases}.new`, JSON.stringify({ chat: weights }));
    await rename(`${aliases}.new`, aliases);
  }

  it('each gives the same answers as alone while the other also answers', async () => {
    expect(gateway.model).toBe('v1, v2');
    const answers = await Promise.all(VERSIONS.map((version) => texts(gateway, version)));
    expect(answers).toEqual([alone.v1, alone.v2]);
    expect(alone.v1).not.toEqual(alone.v2);
  });

  it('an alias moves to the other model and back under load without failing a request or mixing versions in a stream', async () => {
    const answered: string[] = [];
    let latest: string | undefined;
    let ended = false;
    const client = async (i: number) => {
      while (!ended) {
        let text = '';
        const named = new Set<string>();
        for await (const { error, model, choices } of stream(gateway, { ...asked(i), model: 'chat' })) {
          expect(error).toBeUndefined();
          if (model !== undefined) named.add(model);
          text += choices?.[0]?.text ?? '';
        }
        const [version = ''] = named;
        expect(named.size).toBe(1);
        expect(text).toBe(alone[version]?.[i]);
        answered.push(version);
        latest = version;
      }
    };
    const clients = Promise.all(Array.from({ length: STREAMS }, (_, i) => client(i)));
    const moves = async () => {
      for (const [version, other] of [
        ['v1', 'v2'],
        ['v2', 'v1'],
        ['v1', 'v2'],
      ] as const) {
        await move({ [version]: 100, [other]: 0 });
        const before = answered.length;
        await eventually(() => latest === version && answered.length > before + STREAMS);
      }
    };
    await Promise.race([clients, moves()]);
    ended = true;
    await clients;
    expect(new Set(answered)).toEqual(new Set(VERSIONS));
    // The alias names the first model again, so all answers come from that model.
    expect(
      await Promise.all(
        [0, 1, 2].map(async (i) => (await complete(gateway, { ...asked(i), model: 'chat' })).model),
      ),
    ).toEqual(['v1', 'v1', 'v1']);
    expect(gateway.process.stderr).toContain('aliases have changed: chat = v2 100, v1 0');
  });

  it('an invalid file of aliases changes nothing', async () => {
    await writeFile(aliases, '{"chat": {"v3": 1}}');
    await gateway.process.says(
      /names \\"v3\\", which is not served; the served models are v1, v2; the aliases stay as they were/,
    );
    expect((await complete(gateway, { ...asked(0), model: 'chat' })).model).toBe('v1');
  });
});

describe('two models over shards of their own', () => {
  it('the loss of a shard of one model leaves the other model in service, and each shard logs no warning about the other model', async () => {
    const shards = [startShard('0-95', ['v1']), startShard('0-95', ['v2'])];
    const gateway = await startBoth(shards);
    await eventually(async () => (await readiness(gateway)).status === 200);
    let text = '';
    let seen = 0;
    for await (const { choices, error } of stream(gateway, { ...asked(0), model: 'v1' })) {
      expect(error).toBeUndefined();
      if (++seen === 3) shards[1]?.signal('SIGKILL');
      text += choices?.[0]?.text ?? '';
    }
    expect(text).toBe(alone.v1?.[0]);
    await eventually(async () => (await readiness(gateway)).status === 503);
    expect((await readiness(gateway)).missing).toEqual(
      [0, 1, 2].map((layer) => ({ model: 'v2', layer, experts: '0-95' })),
    );
    expect((await fetch(`${gateway.url}/health/ready?model=v1`)).status).toBe(200);
    expect((await post(gateway, { ...asked(1), model: 'v2' })).status).toBe(503);
    expect(await texts(gateway, 'v1')).toEqual(alone.v1);
    const told = gateway.process.stderr.split('\n').filter((line) => line.includes('is not used'));
    expect(told.map((line) => JSON.parse(line).level)).toEqual(['info', 'info']);
  });
});

describe('up', () => {
  it.each([['--shards', '2'], ['--in-process']])('serves both models with %s', async (...flags) => {
    const [model, ...other] = both().filter((flag) => flag !== '--model');
    const up = await startUp(model!, ['--model', ...other, '--alias', 'chat=v2', ...flags]);
    expect(await texts(up, 'v1')).toEqual(alone.v1);
    expect(await texts(up, 'chat')).toEqual(alone.v2);
    up.process.signal('SIGTERM');
    expect(await up.process.exit).toEqual({ code: 0, signal: null });
  });
});

describe('usage', () => {
  it.each([
    ['an alias of an unknown model', () => [...both(), '--alias', 'chat=v3'], 2, '"v3", which is not served'],
    [
      'one checkpoint twice',
      () => ['--model', `a=${bundles.v1}`, '--model', `b=${bundles.v1}`],
      1,
      'are bundles of one checkpoint',
    ],
  ])('%s is refused', async (_name, flags, code, reason) => {
    const gateway = startCli(['gateway', '--shards', '127.0.0.1:1', '--port', '0', ...flags()]);
    expect(await gateway.exit).toEqual({ code, signal: null });
    expect(gateway.stderr).toContain(reason);
  });
});
