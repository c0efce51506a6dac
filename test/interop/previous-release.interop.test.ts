// Gateways and shards of the previous release and of this tree work together, in both directions, and give the same bytes.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../model/bundle/bundle.ts';
import { readManifest } from '../../model/bundle/manifest.ts';
import { convert } from '../../model/convert/convert.ts';
import { exportCheckpoint } from '../../scripts/export-checkpoint.ts';
import {
  type Completion,
  complete,
  engineCounter,
  type Gateway,
  gatewayOf,
  readiness,
  stream,
} from '../e2e/gateway.ts';
import { tinyBundle, tinyFolder } from '../support/models/tiny-bundle.ts';
import { eventually } from '../support/process.ts';
import { type Release, type Releases, runRelease, startRelease, unpackReleases } from './releases.ts';

/** Long prompts use the connection for prefill rows. Requests that run at once share frames. */
const requests = [1, 5, 40, 400].flatMap((words) =>
  [0, 0.8].map((temperature) => ({
    prompt: 'It was a fine morning '.repeat(words).trim(),
    max_tokens: 24,
    logprobs: 2,
    temperature,
    seed: words,
    expertgrid: { digests: true },
  })),
);
const both = ['old', 'new'] as const;

let releases: Releases;
/** The embedded model of the previous release. Both releases serve it, because this tree may embed another model. */
let nano: string;
/** The answers of the previous release in one process. */
let wanted: unknown[];
const quiet = ['--port', '0', '--log-level', 'warn'];

beforeAll(async () => {
  releases = await unpackReleases();
  nano = join(releases.old, 'models', 'nano');
  const args = ['up', '--in-process', '--model', nano, ...quiet];
  const up = await gatewayOf(startRelease(releases.old, args));
  wanted = await answers(up);
  await stop(up);
});

interface StartedShard {
  address: string;
  release: Release;
}

async function startShard(release: Release, ...flags: string[]): Promise<StartedShard> {
  const model = flags.includes('--model') ? [] : ['--model', nano];
  const shard = startRelease(releases[release], ['shard', ...model, ...quiet, ...flags]);
  return { address: (await shard.says(/shard ready on (\S+):/))[1]!, release };
}

async function startGateway(
  release: Release,
  shards: readonly StartedShard[],
  ...flags: string[]
): Promise<Gateway> {
  const addresses = shards.map(({ address }) => address).join(',');
  const model = ['--model', nano];
  const args = ['gateway', ...model, '--shards', addresses, '--port', '0', '--log-level', 'info'];
  return await gatewayOf(startRelease(releases[release], [...args, ...flags]));
}

async function answers(gateway: Gateway): Promise<unknown[]> {
  const essence = ({ choices, usage, expertgrid }: Completion) => {
    const { prompt_tokens, completion_tokens } = usage;
    return { choices, prompt_tokens, completion_tokens, digests: expertgrid.digests };
  };
  return await Promise.all(requests.map(async (asked) => essence(await complete(gateway, asked))));
}

async function stop({ process }: Gateway): Promise<void> {
  process.signal('SIGTERM');
  expect(await process.exit).toEqual({ code: 0, signal: null });
}

/** The gateway answers as the previous release does in one process. */
async function expectSameAnswers(gateway: Gateway): Promise<void> {
  await eventually(async () => (await readiness(gateway)).status === 200);
  expect(await answers(gateway)).toEqual(wanted);
}

describe('a fleet of two shards, of which each holds half of the experts', () => {
  const shards: Record<Release, [StartedShard, StartedShard]> = {} as never;
  beforeAll(async () => {
    for (const release of both) {
      shards[release] = [
        await startShard(release, '--experts', '0-47'),
        await startShard(release, '--experts', '48-95'),
      ];
    }
  });

  it.each([
    ['old', 'new', 'new'],
    ['new', 'old', 'old'],
    ['old', 'old', 'new'],
    ['new', 'old', 'new'],
  ] as const)(
    'a gateway that is %s over shards that are %s and %s gives the same bytes',
    async (...names) => {
      const [gateway, first, second] = names;
      const started = await startGateway(gateway, [shards[first][0], shards[second][1]]);
      await expectSameAnswers(started);
      await stop(started);
    },
  );

  it.each(both)(
    'a gateway that is %s audits every call against the other release without a mismatch',
    async (release) => {
      const gateway = await startGateway(release, [...shards.old, ...shards.new], '--audit', '1');
      await expectSameAnswers(gateway);
      expect(await engineCounter(gateway, 'audited_calls')).toBeGreaterThan(100);
      expect(await engineCounter(gateway, 'mismatches')).toBe(0);
      await stop(gateway);
    },
  );
});

it.each([
  ['old', 'new'],
  ['new', 'old'],
] as const)(
  'with a secret, a gateway that is %s uses a shard that is %s, and another secret is refused',
  async (gateway, shard) => {
    const folder = await tinyFolder();
    const [secret, other] = [join(folder, 'secret'), join(folder, 'other')];
    await writeFile(secret, 'a secret of 30 bytes for tests');
    await writeFile(other, 'other secret of some more bytes');
    const shards = [await startShard(shard, '--experts', '0-95', '--secret-file', secret)];
    const trusted = await startGateway(gateway, shards, '--secret-file', secret);
    await expectSameAnswers(trusted);
    await stop(trusted);
    const stranger = await startGateway(gateway, shards, '--secret-file', other);
    await stranger.process.says(/secret/);
    expect((await readiness(stranger)).status).toBe(503);
  },
);

it.each([
  ['old', 'new'],
  ['new', 'old'],
] as const)(
  'a gateway that is %s refuses a shard that is %s and holds another model, and says why',
  async (gateway, shard) => {
    const shards = [await startShard(shard, '--model', await tinyBundle(), '--experts', '0-95')];
    const started = await startGateway(gateway, shards);
    const { identity } = await readManifest(nano);
    const [line] = await started.process.says(/.*is not used: .*/);
    expect(line).toContain(identity);
    expect((await readiness(started)).status).toBe(503);
  },
);

it.each(both)(
  'an operator whose release is %s moves experts between an old and a new shard while both gateways stream',
  async (operator) => {
    const folder = await tinyFolder();
    const shards = [
      await startShard('old', '--experts', '0-47', '--name', 'a', '--state', join(folder, 'a')),
      await startShard('new', '--experts', '48-95', '--name', 'b', '--state', join(folder, 'b')),
    ];
    const gateways = await Promise.all(both.map((release) => startGateway(release, shards)));
    for (const gateway of gateways) await expectSameAnswers(gateway);
    const placement = join(folder, 'placement.json');
    const { identity } = await readManifest(nano);
    await writeFile(
      placement,
      JSON.stringify({ version: 1, model: identity, epoch: 1, shards: { a: '48-95', b: '0-47' } }),
    );
    const asked = { prompt: 'It was', max_tokens: 150, temperature: 0, seed: 1 };
    const undisturbed = (await complete(gateways[0]!, asked)).choices[0]?.text;
    const texts = Promise.all(gateways.map((gateway) => textOf(gateway, asked)));
    const addresses = shards.map(({ address }) => address).join(',');
    const said = await runRelease(releases[operator], 'plan', '--apply', addresses, '--placement', placement);
    expect(said).toContain('is in place on 2 shards');
    expect(await texts).toEqual([undisturbed, undisturbed]);
    for (const gateway of gateways) {
      await expectSameAnswers(gateway);
      await stop(gateway);
    }
  },
);

async function textOf(gateway: Gateway, asked: Record<string, unknown>): Promise<string> {
  let text = '';
  for await (const { error, choices } of stream(gateway, asked)) {
    expect(error).toBeUndefined();
    text += choices?.[0]?.text ?? '';
  }
  return text;
}

describe('a bundle of the previous release', () => {
  it('opens, and has the content hash that this tree computes from its floats', async () => {
    const folder = await tinyFolder();
    const bundle = await openBundle(nano);
    const { bits, manifest } = bundle;
    await bundle.close();
    await exportCheckpoint(nano, join(folder, 'checkpoint'));
    const { contentHash } = await convert({
      from: join(folder, 'checkpoint'),
      to: join(folder, 'again'),
      bits,
    });
    expect(contentHash).toBe(manifest.contentHash);
  });

  it.each(['4', '16'])('of %s bits gives the same bytes as the previous release', async (bits) => {
    const bundle = join(await tinyFolder(), 'synthetic');
    const shape = join(nano, 'config.json');
    await runRelease(releases.old, 'synth', '--shape', shape, '--bits', bits, '--to', bundle);
    const found = [];
    for (const release of both) {
      const up = await gatewayOf(
        startRelease(releases[release], ['up', '--in-process', '--model', bundle, ...quiet]),
      );
      found.push(await answers(up));
      await stop(up);
    }
    expect(found[1]).toEqual(found[0]);
  });
});
