// `expertgrid heat` and `expertgrid plan` over a running gateway, as an operator uses them.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseHoldings } from '../../../experts/holdings.ts';
import { parsePlacement } from '../../../experts/placing/placement-file.ts';
import type { CellGroup } from '../../../infra/placement/groups.ts';
import { unitsOf } from '../../../infra/placement/layout.ts';
import { toLayout } from '../../../infra/placement/placement.ts';
import { readHeat } from '../../../infra/placement/read-heat.ts';
import { readManifest } from '../../../model/bundle/manifest.ts';
import { nano, nanoConfig } from '../../support/models/nano.ts';
import { startCli } from '../../support/process.ts';
import { complete, type Gateway, scrape, startUp, total } from '../gateway.ts';

const { layers, experts } = await nanoConfig();
const shape = { layers, experts };
const { length: unitBytes = 0 } = (await readManifest(nano)).experts[0]?.[0] ?? {};
/** Memory for a share of all experts. */
const memoryFor = (share: number) => `${Math.round(share * layers * experts * unitBytes)}`;
const tokens = 24;
let up: Gateway;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'expertgrid-plan-'));
  up = await startUp('nano', ['--in-process']);
  const answers = ['It was a fine morning, and', 'The captain', 'My dear cousin,'].map((prompt) =>
    complete(up, { prompt, max_tokens: tokens, temperature: 0 }),
  );
  const usages = (await Promise.all(answers)).map(({ usage }) => usage);
  expect(usages.every(({ completion_tokens }) => completion_tokens === tokens)).toBe(true);
});
afterAll(() => rm(folder, { recursive: true }));

async function run(...args: string[]) {
  const process = startCli(args);
  const { code } = await process.exit;
  return { code, stdout: process.stdout, stderr: process.stderr };
}

test('the heat counts every row of every layer once, in the API and in /metrics', async () => {
  const response = await fetch(`${up.url}/v1/experts/heat?transitions=1`);
  const body = (await response.json()) as { totals: number[][] };
  const { counts, successors = [], ...found } = readHeat(body);
  expect(found).toMatchObject(shape);
  const sums = body.totals.map((ofLayer) => ofLayer.reduce((sum, rows) => sum + rows, 0));
  expect(new Set(sums).size).toBe(1);
  // Rows are computed for the prompts and for all tokens of an answer but the last.
  expect(sums[0]).toBeGreaterThan(3 * (tokens - 1));
  expect(total(await scrape(up.url), 'expertgrid_expert_rows_total')).toBe(layers * sums[0]!);
  const followed = successors.map((ofLayer) => ofLayer.flat().reduce((sum, [, rows]) => sum + rows, 0));
  for (const rows of followed)
    expect(rows).toBeCloseTo(
      counts[0]!.reduce((sum, each) => sum + each, 0),
      0,
    );
});

test('heat prints a line for each layer, without colours if the output is no terminal', async () => {
  const { code, stdout } = await run('heat', up.url);
  expect(code).toBe(0);
  expect(stdout).not.toContain('\x1b');
  expect(stdout.split('\n').filter((line) => /^ *\d+ .{96}$/.test(line))).toHaveLength(layers);
  expect(stdout).toMatch(/hottest\n {2}layer \d expert \d+: [\d.]+ times the mean/);
});

test('plan prints its placement beside the contiguous one, and writes a placement of the whole model', async () => {
  const out = join(folder, 'placement.json');
  const { code, stdout } = await run('plan', '--heat', up.url, '--shards', '4', '--out', out);
  expect(code).toBe(0);
  const [before, after] = /hottest \/ mean shard of a layer +([\d.]+) +([\d.]+)/
    .exec(stdout)!
    .slice(1)
    .map(Number);
  expect(after).toBeLessThan(1.1);
  expect(after).toBeLessThan(before!);
  const placement = parsePlacement(JSON.parse(await readFile(out, 'utf8')));
  expect(Object.keys(placement.shards)).toEqual(['shard-0', 'shard-1', 'shard-2', 'shard-3']);
  expect(unitsOf(toLayout(placement, shape), 4)).toEqual(Array(4).fill((layers * experts) / 4));
});

test('a plan from saved heat is the same each time, respects replicas and memory, and prints JSON with --json', async () => {
  const file = join(folder, 'heat.json');
  await writeFile(file, await (await fetch(`${up.url}/v1/experts/heat?transitions=1`)).text());
  const args = [
    'plan',
    '--heat',
    file,
    '--shards',
    'a=64MiB,127.0.0.1:7002',
    '--memory',
    '64MiB',
    '--replicas',
    '2',
    '--json',
  ];
  const [first, again] = [await run(...args), await run(...args)];
  expect(first.code).toBe(0);
  expect(again.stdout).toBe(first.stdout);
  const { placement } = JSON.parse(first.stdout);
  expect(placement).toMatchObject({ version: 1, epoch: 1, shards: { a: '0-95', '127.0.0.1:7002': '0-95' } });
});

test('plan --gateway-memory names experts for gateways, and predicts what they bring', async () => {
  const file = join(folder, 'heat.json');
  await writeFile(file, await (await fetch(`${up.url}/v1/experts/heat`)).text());
  const args = ['plan', '--heat', file, '--shards', '2', '--gateway-memory', memoryFor(0.45)];
  const [shown, json, free] = await Promise.all([
    run(...args),
    run(...args, '--json'),
    run(...args, '--json', '--cost', 'hop=0,frame=0'),
  ]);
  expect(shown.code).toBe(0);
  const [, list = ''] = /\nexpertgrid gateway --experts (\S+)\n$/.exec(shown.stdout) ?? [];
  expect(shown.stdout).toContain('times as fast, with ');
  const { gateways } = JSON.parse(json.stdout);
  expect(gateways.experts).toBe(list);
  expect(parseHoldings(list, shape)).toHaveLength(gateways.units);
  expect(gateways.bytes).toBeLessThanOrEqual(Number(memoryFor(0.45)));
  expect(gateways.predicted.home).toBeGreaterThan(0.3);
  expect(gateways.gain).toBeGreaterThan(JSON.parse(free.stdout).gateways.gain);
});

test('plan warns if fewer shards would be faster, and fails with --strict', async () => {
  const everywhere = ['plan', '--heat', up.url, '--shards', '4', '--memory', '64MiB'];
  expect(await run(...everywhere, '--cost', 'frame=0,hop=0,expert=0,row=0')).toMatchObject({
    code: 0,
    stderr: '',
  });
  const dear = [
    'plan',
    '--heat',
    up.url,
    '--shards',
    `a=64MiB,b=${memoryFor(0.35)}`,
    '--cost',
    'frame=5000,expert=0',
  ];
  const warned = await run(...dear);
  expect(warned.code).toBe(0);
  expect(warned.stderr).toMatch(
    /^warning: shard a alone holds the model, and is predicted to be \d\.\d\d times as fast/,
  );
  const out = join(folder, 'refused.json');
  const refused = await run(...dear, '--strict', '--out', out);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('expertgrid: shard a alone holds the model');
  await expect(readFile(out)).rejects.toThrow('ENOENT');
});

test.each([
  [['--shards', '4', '--memory', '1MiB'], 1, 'do not fit'],
  [['--shards', '4', '--gateway-memory', '1KiB'], 1, 'does not hold one expert'],
  [['--shards', 'a,a'], 2, '"a" is named twice'],
  [['--shards', 'a=b=c'], 2, 'neither a name nor a name=size'],
  [['--shards', '2', '--replicas', '3'], 1, '3 replicas need as many shards'],
  [['--shards', '2', '--cost', 'hops=3'], 2, 'Names are layer, frame, hop, expert, row'],
])('plan %j ends with %d and says why', async (args, code, reason) => {
  const ended = await run('plan', '--heat', up.url, ...args);
  expect(ended.code).toBe(code);
  expect(ended.stderr).toContain(reason);
});

test('the error names a gateway that does not answer', async () => {
  const { code, stderr } = await run('heat', 'http://127.0.0.1:1');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^expertgrid: http:\/\/127\.0\.0\.1:1: /);
});

test('plan --kubernetes writes the groups of a cell, each with as many replicas as --replicas says', async () => {
  const file = join(folder, 'groups.json');
  const args = ['plan', '--heat', up.url, '--shards', '8', '--replicas', '2', '--kubernetes', file];
  expect((await run(...args)).code).toBe(0);
  const groups: CellGroup[] = JSON.parse(await readFile(file, 'utf8'));
  expect(groups.map(({ replicas }) => replicas)).toEqual([2, 2, 2, 2]);
  const units = groups.map(({ experts }) => parseHoldings(experts, shape).length);
  expect(units).toEqual(Array(4).fill((layers * experts) / 4));

  const odd = await run(...args.with(4, '7'));
  expect(odd.code).toBe(1);
  expect(odd.stderr).toContain('7 shards do not make whole groups of 2');
});
