// A bundle behind HTTP is fetched expert by expert. Faults of the server are retried or reported.
import { once } from 'node:events';
import { cp, open, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { openGoldens } from '../../../model/bundle/goldens.ts';
import { readManifest } from '../../../model/bundle/manifest.ts';
import { httpSource } from '../../../model/bundle/source.ts';
import type { DeviceName } from '../../../model/devices/options.ts';
import { recordGoldens } from '../../../model/goldens.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';

let bundle: string;
beforeAll(async () => {
  bundle = await tinyBundle();
});

type Trick = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean;

/** Serves a bundle with ranges, except for requests that `trick` answers itself; `trick` then returns true. */
async function serve(trick: Trick = () => false, dir = bundle) {
  const asked: { file: string; bytes: number }[] = [];
  const server = createServer(async (request, response) => {
    const file = (request.url ?? '').replace('/tiny/', '');
    const whole = await readFile(join(dir, file));
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const body = from === undefined ? whole : whole.subarray(Number(from), Number(to) + 1);
    asked.push({ file, bytes: body.length });
    if (trick(request, response, body)) return;
    response.writeHead(from === undefined ? 200 : 206, { 'content-length': body.length });
    response.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return { url: new URL(`http://127.0.0.1:${address.port}/tiny/`), asked };
}

const wanted = [
  { layer: 0, expert: 3 },
  { layer: 2, expert: 95 },
  { layer: 2, expert: 0 },
];

test('only the wanted experts are fetched, and they are equal to those of the bundle', async () => {
  const { url, asked } = await serve();
  const cache = await tinyFolder();
  const source = await httpSource({ url, cache });
  const told: number[] = [];
  await source.bring(wanted, { onBrought: (done, total) => told.push(done / total) });
  expect(told).toHaveLength(3);
  expect(told.at(-1)).toBe(1);
  const [there, fetched] = [await openBundle(bundle), await openBundle(source.dir)];
  onTestFinished(async () => {
    await there.close();
    await fetched.close();
  });
  for (const unit of wanted) expect(await fetched.readExpert(unit)).toEqual(await there.readExpert(unit));
  await expect(fetched.readExpert({ layer: 0, expert: 4 })).rejects.toThrow('does not match its hash');
  const unitBytes = there.manifest.experts[0]![3]!.length;
  expect(asked.filter(({ bytes }) => bytes === unitBytes)).toHaveLength(3);
  const dense = await stat(join(source.dir, 'dense.safetensors'));
  expect(dense.blocks * 512).toBeLessThan(dense.size);

  // After a restart, only the manifest is requested.
  asked.length = 0;
  await (await httpSource({ url, cache })).bring(wanted);
  expect(asked.map(({ file }) => file)).toEqual(['bundle.json']);
});

test('requests are retried if the server fails, stops halfway or sends too few bytes', async () => {
  let turn = 0;
  const { url } = await serve(({ headers }, response, body) => {
    if (headers.range === undefined || ++turn % 2 === 0) return false;
    if (turn % 6 === 1) response.writeHead(503).end();
    else if (turn % 6 === 3) {
      response.writeHead(206, { 'content-length': body.length });
      response.write(body.subarray(0, 10));
      response.socket?.destroy();
    } else response.writeHead(206).end(body.subarray(1));
    return true;
  });
  const source = await httpSource({ url, cache: await tinyFolder(), waitMs: 1 });
  await source.bring(wanted);
  const fetched = await openBundle(source.dir);
  onTestFinished(() => fetched.close());
  for (const unit of wanted) await fetched.readExpert(unit);
});

/** A new directory with a small bundle that has golden rows. */
async function recordedBundle(device: DeviceName): Promise<string> {
  const dir = join(await tinyFolder(), 'recorded');
  await cp(await tinyBundle({ layers: 2, experts: 20 }), dir, { recursive: true });
  await recordGoldens(dir, { device });
  return dir;
}

/** The numerics class of the golden rows in a bundle. Throws if a row does not match its hash. */
async function checkedClass(dir: string): Promise<string | undefined> {
  const opened = await openBundle(dir);
  onTestFinished(() => opened.close());
  const goldens = await openGoldens(opened);
  for (const layer of opened.manifest.experts.keys()) await goldens?.answer(layer, 0);
  return goldens?.numericsClass;
}

test('golden rows are fetched again after the source has recorded them again', async () => {
  const dir = await recordedBundle('cpu');
  const { url, asked } = await serve(undefined, dir);
  const cache = await tinyFolder();
  const first = await httpSource({ url, cache });
  const firstClass = await checkedClass(first.dir);
  const { files } = await readManifest(dir);

  const { bytes, numericsClass } = await recordGoldens(dir, { device: 'ort-cpu' });
  expect(bytes).toBe(files['golden.safetensors']?.bytes);
  expect(numericsClass).not.toBe(firstClass);
  asked.length = 0;
  const second = await httpSource({ url, cache });
  expect(second.dir).toBe(first.dir);
  expect(await checkedClass(second.dir)).toBe(numericsClass);
  expect(asked.map(({ file }) => file)).toEqual(['bundle.json', 'golden.safetensors']);

  asked.length = 0;
  await httpSource({ url, cache });
  expect(asked.map(({ file }) => file)).toEqual(['bundle.json']);
});

test('golden rows that do not match the manifest are not kept', async () => {
  const [dir, other] = [await recordedBundle('cpu'), await recordedBundle('ort-cpu')];
  const [path, cache] = [join(dir, 'golden.safetensors'), await tinyFolder()];
  const rows = await readFile(path);
  const { url } = await serve(undefined, dir);
  await cp(join(other, 'golden.safetensors'), path);
  await expect(httpSource({ url, cache })).rejects.toThrow(
    /golden\.safetensors: does not match its hash in bundle\.json: damaged or replaced$/,
  );
  await writeFile(path, rows);
  expect(await checkedClass((await httpSource({ url, cache })).dir)).toMatch(/^kernels-/);
});

test.each([
  ['all zeros, as after a power cut', (head: Buffer) => head.fill(0)],
  ['cut off within the header', (head: Buffer) => head.fill(0, 100)],
])('a cached file is fetched again if its beginning is %s', async (_, damage) => {
  const { url, asked } = await serve();
  const cache = await tinyFolder();
  const { dir } = await httpSource({ url, cache });
  const path = join(dir, 'experts-00001.safetensors');
  const file = await open(path, 'r+');
  const head = Buffer.alloc(64 * 1024);
  await file.read(head, 0, head.length, 0);
  damage(head);
  await file.write(head, 0, head.length, 0);
  await file.close();

  asked.length = 0;
  const source = await httpSource({ url, cache });
  expect(asked.map(({ file }) => file)).toEqual(['bundle.json', 'experts-00001.safetensors']);
  const unit = { layer: 1, expert: 5 };
  await source.bring([unit]);
  const healed = await openBundle(dir);
  onTestFinished(() => healed.close());
  await healed.readExpert(unit);
});

test.each<[string, Trick, RegExp]>([
  ['has no bundle', (_, response) => !!response.writeHead(404).end(), /tiny\/bundle\.json: status 404$/],
  [
    'does not support ranges',
    ({ headers }, response, body) => headers.range !== undefined && !!response.writeHead(200).end(body),
    /does not answer range requests$/,
  ],
  [
    'sends wrong bytes',
    ({ headers }, response, body) =>
      headers.range?.startsWith('bytes=0-') === false &&
      !!response.writeHead(206).end(body.map((byte) => byte ^ 1)),
    /expert 3 of layer 0: the fetched bytes do not match their hash in bundle\.json$/,
  ],
  [
    'always fails',
    (_, response) => !!response.writeHead(500).end(),
    /5 requests failed, the last with: status 500$/,
  ],
])('the error names a server that %s', async (_, trick, message) => {
  const { url } = await serve(trick);
  const fetching = httpSource({ url, cache: await tinyFolder(), waitMs: 1 }).then((source) =>
    source.bring(wanted.slice(0, 1)),
  );
  await expect(fetching).rejects.toThrow(message);
});
