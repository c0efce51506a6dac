// A shard without a bundle, which fetches its experts from another shard and gives the same answers.
import { stat } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parseFilePiece } from '../../../experts/bundle-files.ts';
import { helloParams, PROTOCOL_VERSION } from '../../../experts/wire/hello.ts';
import { parseAddress } from '../../../rpc/address.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually, startCli } from '../../support/process.ts';
import { complete, readiness, startGateway } from '../gateway.ts';

const asked = { prompt: 'It was', max_tokens: 16, temperature: 0, expertgrid: { digests: true } };
const ready = /shard ready on (\S+:\d+):/;

it('fetches its experts from another shard, checks them, and serves the same bits', async () => {
  const model = await tinyBundle();
  const first = startCli(['shard', '--model', model, '--experts', '0-95', '--port', '0']);
  const [, address = ''] = await first.says(ready);
  const ofFirst = await startGateway(model, [address]);
  await eventually(async () => (await readiness(ofFirst)).status === 200);
  const before = await complete(ofFirst, asked);

  const state = await tinyFolder();
  const flags = ['--model', `shard://${address}/`, '--experts', '0-95', '--state', state, '--port', '0'];
  const second = startCli(['shard', ...flags]);
  const [, other = ''] = await second.says(ready);
  first.signal('SIGTERM');
  expect(await first.exit).toEqual({ code: 0, signal: null });

  const ofSecond = await startGateway(model, [other]);
  await eventually(async () => (await readiness(ofSecond)).status === 200);
  const after = await complete(ofSecond, asked);
  expect(after.choices).toEqual(before.choices);
  expect(after.expertgrid.digests).toEqual(before.expertgrid.digests);
});

it('serves only files of its bundle, and only bytes within them', async () => {
  const model = await tinyBundle();
  const shard = startCli(['shard', '--model', model, '--experts', '0-3', '--port', '0']);
  const [, address = ''] = await shard.says(ready);
  const hello = helloParams({ protocol: PROTOCOL_VERSION, role: 'gateway', version: 'test' });
  const transport = await openSocketTransport(parseAddress(address), { hello });
  const read = (params: Record<string, string | number>) =>
    transport.call('bundle.read', params, { deadlineMs: 60_000 });
  for (const file of ['../bundle.json', '/etc/hostname', 'nothing', '']) {
    await expect(read({ file, offset: 0, length: 10 })).rejects.toMatchObject({ code: 'invalid' });
  }
  const malformed: Record<string, string | number>[] = [
    { offset: -1 },
    { length: -1 },
    { offset: 0.5 },
    { length: '7' },
    { model: 'other' },
  ];
  for (const wrong of malformed) {
    await expect(read({ file: 'bundle.json', offset: 0, length: 10, ...wrong })).rejects.toMatchObject({
      code: 'model' in wrong ? 'not_held' : 'invalid',
    });
  }
  const { size } = await stat(`${model}/bundle.json`);
  const end = parseFilePiece(await read({ file: 'bundle.json', offset: size - 3, length: 2 ** 40 }));
  expect([end.bytes.length, end.size]).toEqual([3, size]);
  const past = parseFilePiece(await read({ file: 'bundle.json', offset: 2 ** 40, length: 5 }));
  expect(past.bytes.length).toBe(0);
  transport.close();
});

it('names the shard from which it cannot fetch', async () => {
  const flags = ['--model', 'shard://127.0.0.1:1/', '--experts', '0-3', '--state', await tinyFolder()];
  const shard = startCli(['shard', ...flags, '--port', '0']);
  await shard.says(/shard:\/\/127\.0\.0\.1:1\/bundle\.json: cannot connect to 127\.0\.0\.1:1/);
  expect(await shard.exit).toEqual({ code: 1, signal: null });
});
