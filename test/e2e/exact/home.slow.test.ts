// A gateway that holds some experts itself (`gateway --experts`), beside real shards, as an operator runs it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nanoConfig } from '../../support/models/nano.ts';
import { eventually, freePort, type Running, startCli } from '../../support/process.ts';
import {
  complete,
  engineCounter,
  type Gateway,
  gatewayOf,
  readiness,
  startGateway,
  startUp,
  stream,
} from '../gateway.ts';

const HOME = 'in-process-0';
const { layers } = await nanoConfig();
/** All experts of the first three layers, and half of the others. */
const homeExperts = `0-2:0-95,3-${layers - 1}:48-95`;
const prompts = ['It was a fine morning, and', 'The captain', 'My dear cousin,'];

interface ShownShard {
  address: string;
  in_process: boolean;
  state: string;
  experts: string;
  rows: number;
  bytes_sent: number;
}

let shards: Record<'a' | 'b', { address: string; process: Running }>;
let home: Gateway;
let folder: string;
/** The file of `--shards-file`. */
let file: string;

async function startShard(experts: string) {
  const port = await freePort();
  const process = startCli(['shard', '--model', 'nano', '--experts', experts, '--port', `${port}`]);
  await process.says(/shard ready on/);
  return { address: `127.0.0.1:${port}`, process };
}

// Audits and hedges send rows to a second holder at random, and a test counts where the rows go.
const once = ['--audit', '0', '--hedge-budget', '0'];
const homeFlags = ['--experts', homeExperts, '--patience', '0', '--call-deadline', '30000', ...once];

beforeAll(async () => {
  const [a, b] = await Promise.all([startShard('0-47'), startShard('48-95')]);
  shards = { a, b };
  folder = await mkdtemp(join(tmpdir(), 'expertgrid-home-'));
  file = join(folder, 'shards.txt');
  await writeFile(file, `${a.address}\n${b.address}\n`);
  const flags = ['--model', 'nano', '--shards-file', file, '--port', '0', '--log-level', 'warn'];
  home = await gatewayOf(startCli(['gateway', ...flags, ...homeFlags]));
  await eventually(async () => (await readiness(home)).status === 200);
});

afterAll(() => rm(folder, { recursive: true }));

async function shown({ url }: Gateway): Promise<Map<string, ShownShard>> {
  const { data } = (await (await fetch(`${url}/v1/shards`)).json()) as { data: ShownShard[] };
  return new Map(data.map((shard) => [shard.address, shard]));
}

/** Text and digests of the logits. Three prompts run at the same time. */
async function answersOf(gateway: Gateway): Promise<unknown[]> {
  return await Promise.all(
    prompts.map(async (prompt, seed) => {
      const asked = { prompt, max_tokens: 24, seed, expertgrid: { digests: true } };
      const { choices, expertgrid } = await complete(gateway, asked);
      return { choices, digests: expertgrid.digests };
    }),
  );
}

test('its answers are those of a gateway whose experts are all on shards, and of one that holds them all', async () => {
  const { a, b } = shards;
  const sharded = await startGateway('nano', [a.address, b.address]);
  const own = ['gateway', '--experts', '0-95', '--port', '0', '--log-level', 'warn'];
  const inProcess = await gatewayOf(startCli(own));
  await eventually(async () => (await readiness(sharded)).status === 200);
  expect(await readiness(inProcess)).toEqual({ status: 200, missing: [] });
  const answers = await answersOf(home);
  expect(answers).toEqual(await answersOf(sharded));
  expect(answers).toEqual(await answersOf(inProcess));
  expect([...(await shown(inProcess)).keys()]).toEqual([HOME]);
  for (const { process } of [sharded, inProcess]) {
    process.signal('SIGTERM');
    expect(await process.exit).toEqual({ code: 0, signal: null });
  }
});

test('rows of the experts that it holds do not leave its process, and the other rows do', async () => {
  const { a, b } = shards;
  await answersOf(home);
  const [here, atA, atB] = [HOME, a.address, b.address].map(
    (
      (all) => (address) =>
        all.get(address)
    )(await shown(home)),
  );
  expect(here).toMatchObject({
    in_process: true,
    state: 'available',
    experts: homeExperts,
    bytes_sent: 0,
  });
  expect(atA).toMatchObject({ in_process: false, state: 'available', experts: '0-47' });
  // All experts of shard b are at home. Of shard a, the experts of the first three layers are.
  expect(atB).toMatchObject({ rows: 0, bytes_sent: 0 });
  const rows = await engineCounter(home, 'expert_rows');
  expect(await engineCounter(home, 'in_process_expert_rows')).toBe(here?.rows);
  expect((here?.rows ?? 0) + (atA?.rows ?? 0)).toBe(rows);
  expect(here?.rows).toBeGreaterThan(rows / 2);
  expect(atA?.rows).toBeGreaterThan(0);
  expect(await engineCounter(home, 'expert_bytes_sent')).toBe(atA?.bytes_sent);
});

test('it cannot drain its own experts, and the answer says why', async () => {
  const response = await fetch(`${home.url}/v1/shards/drain`, {
    method: 'POST',
    body: JSON.stringify({ address: HOME }),
    headers: { 'content-type': 'application/json' },
  });
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({ error: { code: 'shard_in_process' } });
});

test('a stream goes on unchanged when the shard is killed whose experts the gateway also holds', async () => {
  const long = { prompt: 'a', max_tokens: 80, seed: 1 };
  const { choices } = await complete(home, long);
  let text = '';
  let events = 0;
  for await (const event of stream(home, long)) {
    expect(event.error).toBeUndefined();
    if (++events === 3) shards.b.process.signal('SIGKILL');
    text += event.choices?.[0]?.text ?? '';
  }
  expect(text).toBe(choices[0]?.text);
  await eventually(async () => (await shown(home)).get(shards.b.address)?.state !== 'available');
  expect(await readiness(home)).toEqual({ status: 200, missing: [] });
  expect((await complete(home, long)).choices).toEqual(choices);
});

test('it keeps its experts when its list of shards changes', async () => {
  await writeFile(file, `${shards.a.address}\n`);
  await eventually(async () => !(await shown(home)).has(shards.b.address));
  expect((await shown(home)).get(HOME)).toMatchObject({ state: 'available' });
  await complete(home, { prompt: 'a', max_tokens: 4 });
});

test('up starts shards for all experts, and its gateway holds some of them too', async () => {
  const up = await startUp('nano', ['--shards', '2', '--gateway-experts', '0-47']);
  expect(up.process.stdout).toContain('of 3 shards connected (1 in this process)');
  const connected = await eventually(async () => {
    const all = [...(await shown(up)).values()];
    return all.every(({ state }) => state === 'available') && all;
  });
  expect(connected.map(({ in_process, experts }) => `${experts} ${in_process}`).sort()).toEqual([
    '0-47 false',
    '0-47 true',
    '48-95 false',
  ]);
  const before = await engineCounter(up, 'in_process_expert_rows');
  await complete(up, { prompt: 'a', max_tokens: 8, temperature: 0 });
  expect(await engineCounter(up, 'in_process_expert_rows')).toBeGreaterThan(before);
});

test('lists of experts that cannot be held are refused with advice', async () => {
  const refused = [
    { args: ['gateway'], message: 'one is required, unless --experts names all experts' },
    {
      args: ['gateway', '--experts', '0-10'],
      message: `${11 * layers} of the ${96 * layers} experts of nano are named`,
    },
    {
      args: ['gateway', '--shards', '127.0.0.1:1', '--experts', '0-96'],
      message: '--experts: experts: "0-96" names expert 96; the last is 95',
    },
    { args: ['up', '--in-process', '--gateway-experts', '0-3'], message: 'the gateway holds all experts' },
    { args: ['up', '--gateway-experts', '0', '--gateway-experts', '4'], message: 'not 2 lists for 1 model' },
  ];
  const processes = refused.map(({ args }) => startCli([...args, '--port', '0']));
  for (const [i, { message }] of refused.entries()) {
    expect(await processes[i]?.exit).toEqual({ code: 2, signal: null });
    expect(processes[i]?.stderr).toContain(message);
  }
});
