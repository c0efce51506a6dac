// One shard that holds experts of two models. It offers and runs them separately, and drains them together.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ShardService } from '../../../experts/service.ts';
import { parseHelloAnswer } from '../../../experts/wire/hello.ts';
import { parseRunAnswer, runRequestToParams } from '../../../experts/wire/run.ts';
import { openLocalTransport } from '../../../rpc/local.ts';
import type { Transport } from '../../../rpc/transport.ts';
import {
  createPlainExpertDevice,
  type PlainExpertDevice,
} from '../../support/engines/plain-expert-device.ts';
import { counted, createTestShard, model as first, type TestShard } from '../shard.ts';

const second = { ...first, identity: 'second-model', content: 'second', experts: 3, hidden: 4 };
const units = [0, 1].flatMap((layer) => [0, 2].map((expert) => ({ layer, expert })));

let shard: TestShard;
let device: PlainExpertDevice;
let transport: Transport;
beforeEach(async () => {
  device = createPlainExpertDevice({
    hidden: second.hidden,
    inner: 3,
    seed: 2,
    numericsClass: 'plain-other',
  });
  await device.load(units);
  shard = await createTestShard({ others: [{ device, model: second, units }] });
  const hello = { protocol: 1, role: 'gateway', version: 'test' };
  transport = await openLocalTransport(shard.service.handlers, { hello });
});
afterEach(() => transport.close());

function request(model: { identity: string; hidden: number }, layer: number, expert: number) {
  const rows = Float32Array.from({ length: model.hidden }, (_, i) => Math.cos(i));
  const asks = Uint16Array.of(0, expert);
  return { model: model.identity, layer, priority: 0, trace: '', epoch: 0, rows, asks } as const;
}

async function run(model: { identity: string; hidden: number }, layer: number, expert: number) {
  const params = runRequestToParams(request(model, layer, expert));
  return parseRunAnswer(await transport.call('expert.run', params, { deadlineMs: 60_000 }), 1, model.hidden);
}

test('hello offers both models, each with its own shape, numerics class and holdings', () => {
  const { models } = parseHelloAnswer(transport.greeting);
  expect(models).toHaveLength(2);
  expect(models[0]).toMatchObject({ ...first, numericsClass: 'plain-f32' });
  expect(models[1]).toMatchObject({
    ...second,
    numericsClass: 'plain-other',
    holdings: [
      [0, 0, 0],
      [0, 2, 2],
      [1, 0, 0],
      [1, 2, 2],
    ],
  });
});

test('a call runs on the model that it names, with that model’s width', async () => {
  const { rows } = await run(second, 1, 2);
  const alone = await device.run(1, request(second, 1, 2).rows, Uint16Array.of(0, 2));
  expect([...rows]).toEqual([...alone]);
  expect(shard.device.runs).toEqual([]);
  const inThread = await shard.service.run(request(second, 1, 2));
  expect([...inThread.rows]).toEqual([...alone]);
});

test('calls for one layer of two models are not joined', async () => {
  const answers = await Promise.all([run(first, 1, 2), run(second, 1, 2), run(first, 1, 4)]);
  expect(answers.map(({ rows }) => rows.length)).toEqual([8, 4, 8]);
  expect(shard.device.runs).toEqual([{ layer: 1, experts: [2, 4], rows: [1, 1] }]);
  expect(device.runs).toEqual([{ layer: 1, experts: [2], rows: [1] }]);
});

test('an expert is not_held if only the other model holds it', async () => {
  await expect(run(second, 1, 1)).rejects.toMatchObject({ code: 'not_held' });
  await expect(run(first, 1, 1)).resolves.toBeDefined();
  const stranger = run({ identity: 'third', hidden: 8 }, 0, 0);
  await expect(stranger).rejects.toMatchObject({
    code: 'incompatible',
    message: 'this shard serves model test-model, second-model, not third',
  });
});

test('units are counted over both models, and a drain ends both', async () => {
  expect(await counted(shard.metrics, 'expertgrid_shard_units')).toBe(12 + 4);
  await shard.service.drain();
  for (const model of [first, second]) {
    await expect(run(model, 0, 0)).rejects.toMatchObject({ code: 'draining' });
  }
});

test('the wider model limits the rows of a frame', async () => {
  // Ten rows of this width fit into a frame of 32 MiB.
  const wide = { ...second, hidden: Math.floor((2 ** 25 - 4_096) / 4 / 10) };
  const narrow = await createTestShard({ others: [{ device, model: wide, units: [] }] });
  const hello = { protocol: 1, role: 'gateway', version: 'test' };
  const { greeting, close } = await openLocalTransport(narrow.service.handlers, { hello });
  expect(parseHelloAnswer(greeting).limits).toMatchObject({ rows: 10, asks: 10 });
  close();
});

test('the service refuses two models of one identity, and an empty list of models', () => {
  const twin = { device, model: second, units };
  const service = (models: (typeof twin)[]) => () => new ShardService({ models, version: 'test' });
  expect(service([twin, twin])).toThrow('models of different identities, not second-model');
  expect(service([])).toThrow('not none');
});
