// The edge with accounts over two gateways: a client notices neither a killed gateway nor one that leaves service, and each request is
// accounted for once.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { beforeAll, expect, it } from 'vitest';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { eventually, freePort, startCli } from '../../support/process.ts';
import { complete, engineCounter, type Gateway, gatewayOf, post, scrape } from '../gateway.ts';

const secret = join(mkdtempSync(join(tmpdir(), 'expertgrid-secret-')), 'secret');
writeFileSync(secret, randomBytes(48).toString('base64'), { mode: 0o600 });

let starts: (() => Promise<Gateway>)[];
let gateways: Gateway[];
let client: OpenAI;
let model: string;
let url: string;
let key: string;

beforeAll(async () => {
  const bundle = await tinyBundle({ context: 2_048 });
  const shard = startCli(['shard', '--model', bundle, '--experts', '0-95', '--port', '0']);
  const [, address = ''] = await shard.says(/shard ready on (\S+:\d+):/);
  const ports = [await freePort(), await freePort()];
  const peers = ports.map((port) => `127.0.0.1:${port}`).join(',');
  starts = ports.map((port) => async () => {
    const flags = ['--model', bundle, '--shards', address, '--peers', peers, '--port', String(port)];
    const own = ['--edge-secret-file', secret, '--log-level', 'warn'];
    const gateway = await gatewayOf(startCli(['gateway', ...flags, ...own]));
    await eventually(async () => (await post(gateway, { prompt: [1], max_tokens: 1 })).ok);
    return gateway;
  });
  gateways = await Promise.all(starts.map((start) => start()));
  model = gateways[0]?.model ?? '';
  const urls = gateways.map(({ url }) => url).join(',');
  const secrets = ['--edge-secret-file', secret, '--admin-secret-file', secret];
  const edge = startCli([
    'edge',
    '--gateways',
    urls,
    ...secrets,
    '--accounts',
    `${secret}.accounts`,
    '--port',
    '0',
  ]);
  [, url = ''] = await edge.says(/edge ready in .* at (http:\S+)/);
  const made = startCli(['key', 'create', 'caller', '--edge', url, '--admin-secret-file', secret]);
  await made.exit;
  key = made.stdout.trim();
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // each gateway knows the other after its second GET /peer
}, 120_000);

const asked = { prompt: 'The grid', max_tokens: 900, temperature: 1, seed: 7, ignore_eos: true };

/** Index of the gateway that runs a request. */
async function busy(): Promise<number> {
  return await eventually(async () => {
    const running = await Promise.all(
      gateways.map(async ({ url }) => (await scrape(url)).get('expertgrid_sequences_running') ?? 0),
    );
    const at = running.findIndex((count) => count > 0);
    return at < 0 ? undefined : at;
  });
}

/** Streams an answer, and signals its gateway after a hundred events. Returns the text and the index of the gateway. */
async function streamed(signal: NodeJS.Signals): Promise<{ text: string; lost: number }> {
  const stream = await client.completions.create({ model, ...asked, stream: true });
  let text = '';
  let lost = -1;
  let events = 0;
  for await (const { choices } of stream) {
    text += choices[0]?.text ?? '';
    if (++events !== 100) continue;
    lost = await busy();
    gateways[lost]?.process.signal(signal);
  }
  return { text, lost };
}

async function restart(lost: number): Promise<void> {
  await gateways[lost]?.process.exit;
  const start = starts[lost];
  if (start !== undefined) gateways[lost] = await start();
}

it('a stream goes on if its gateway is killed', async () => {
  const whole = await complete(gateways[0]!, asked);
  const { text, lost } = await streamed('SIGKILL');
  expect(text).toBe(whole.choices[0]?.text);
  expect(await engineCounter(gateways[1 - lost]!, 'generated_tokens')).toBeGreaterThan(0);
  await restart(lost);
});

it('a whole answer is generated again, with the same seed, if its gateway is killed', async () => {
  const answer = client.completions.create({ model, ...asked, stream: false, seed: null });
  const lost = await busy();
  gateways[lost]?.process.signal('SIGKILL');
  const { choices, ...head } = await answer;
  const { seed } = (head as unknown as { expertgrid: { seed: number } }).expertgrid;
  await restart(lost);
  const again = await complete(gateways[lost]!, { ...asked, seed });
  expect(choices[0]?.text).toBe(again.choices[0]?.text);
});

it('a stream goes on with its keys and values if its gateway leaves service', async () => {
  await new Promise((resolve) => setTimeout(resolve, 4_500)); // the restarted gateway and the other one know each other
  const whole = await complete(gateways[0]!, asked);
  const before = await Promise.all(gateways.map((gateway) => engineCounter(gateway, 'received_positions')));
  const { text, lost } = await streamed('SIGTERM');
  expect(text).toBe(whole.choices[0]?.text);
  const heir = 1 - lost;
  const received = (await engineCounter(gateways[heir]!, 'received_positions')) - (before[heir] ?? 0);
  expect(received).toBeGreaterThanOrEqual(96);
  await restart(lost);
});

it('has counted each request once, with all of its tokens', async () => {
  const answer = await fetch(`${url}/usage?by=request`, { headers: { authorization: `Bearer ${key}` } });
  const { usage } = (await answer.json()) as { usage: Record<string, unknown>[] };
  const common = { key: 'caller', model, generated_tokens: 900, status: 200, estimated: 0, regions: 'local' };
  expect(usage).toEqual([
    expect.objectContaining({ ...common, resumes: 1 }),
    expect.objectContaining({ ...common, resumes: 0 }),
    expect.objectContaining({ ...common, resumes: 1 }),
  ]);
});
