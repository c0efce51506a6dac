import { afterEach, describe, expect, test } from 'vitest';
import { serveMetrics } from '../../experts/metrics-server.ts';
import { parseHelloAnswer } from '../../experts/wire/hello.ts';
import { parseRunAnswer, type RunRequest, runRequestToParams } from '../../experts/wire/run.ts';
import { openLocalTransport } from '../../rpc/local.ts';
import type { CallOptions, Params, Transport } from '../../rpc/transport.ts';
import { counted, createTestShard, model, type TestShard } from './shard.ts';

const hello = { protocol: 1, role: 'gateway', version: 'test' };
const opened: Transport[] = [];
afterEach(() => {
  for (const transport of opened.splice(0)) transport.close();
});

async function connect({ service }: TestShard): Promise<Transport> {
  const transport = await openLocalTransport(service.handlers, { hello });
  opened.push(transport);
  return transport;
}

function request(asks: number[], options: Partial<RunRequest> = {}): RunRequest {
  const rows = Float32Array.from({ length: 2 * model.hidden }, (_, i) => Math.sin(i + 1));
  return {
    model: model.identity,
    layer: 1,
    priority: 0,
    trace: 't',
    epoch: 0,
    rows,
    asks: Uint16Array.from(asks),
    ...options,
  };
}

async function run(
  transport: Transport,
  asked: RunRequest,
  options: Partial<CallOptions> = {},
): Promise<Float32Array> {
  const params = runRequestToParams(asked);
  const value = await transport.call('expert.run', params, { deadlineMs: 5_000, ...options });
  return parseRunAnswer(value, asked.asks.length / 2, model.hidden).rows;
}

test('hello answers every field of the protocol', async () => {
  const shard = await createTestShard({
    units: [
      { layer: 0, expert: 2 },
      { layer: 0, expert: 3 },
      { layer: 1, expert: 5 },
    ],
  });
  const { greeting } = await connect(shard);
  const { instance, ...answer } = parseHelloAnswer(greeting);
  expect(instance).toHaveLength(36);
  expect(answer).toEqual({
    protocol: 1,
    version: 'test',
    state: 'available',
    models: [
      {
        ...model,
        numericsClass: 'plain-f32',
        holdings: [
          [0, 2, 3],
          [1, 5, 5],
        ],
      },
    ],
    limits: { rows: 64, asks: 512, frameBytes: 33_554_432 },
    epoch: 0,
  });
});

test('hello is refused with incompatible if the protocol version differs', async () => {
  const { service } = await createTestShard();
  const opening = openLocalTransport(service.handlers, { hello: { ...hello, protocol: 2 } });
  await expect(opening).rejects.toMatchObject({
    code: 'incompatible',
    message: 'the peer speaks protocol 2, this side 1',
  });
});

test('hello answers the state draining during a drain', async () => {
  const shard = await createTestShard();
  shard.service.drain();
  const { greeting } = await connect(shard);
  expect(greeting).toMatchObject({ state: 'draining' });
});

test('limits are reduced to the rows that fit into a frame', async () => {
  // Ten rows of this width fit into a frame of 32 MiB.
  const wide = { ...model, hidden: Math.floor((2 ** 25 - 4_096) / 4 / 10) };
  const { greeting } = await connect(await createTestShard({ model: wide, units: [] }));
  expect(parseHelloAnswer(greeting).limits).toMatchObject({ rows: 10, asks: 10 });
});

test('expert.run answers one row for each (row, expert) pair, in the order of the pairs, with the bits of a separate run', async () => {
  const shard = await createTestShard();
  const asked = request([1, 3, 0, 2, 0, 3]);
  const rows = await run(await connect(shard), asked);
  const [first, second] = [asked.rows.slice(0, 8), asked.rows.slice(8)];
  const alone = await Promise.all([
    shard.device.run(1, second, Uint16Array.of(0, 3)),
    shard.device.run(1, first, Uint16Array.of(0, 2)),
    shard.device.run(1, first, Uint16Array.of(0, 3)),
  ]);
  expect([...rows]).toEqual(alone.flatMap((answer) => [...answer]));
});

test('the calls of two callers are joined: each expert runs once, and the bits are those of separate runs', async () => {
  const alone = await createTestShard();
  const expected = [
    await run(await connect(alone), request([0, 1, 1, 2])),
    await run(await connect(alone), request([0, 2, 1, 4])),
  ];
  const shard = await createTestShard();
  const callers = [await connect(shard), await connect(shard)] as const;
  const answers = await Promise.all([
    run(callers[0], request([0, 1, 1, 2])),
    run(callers[1], request([0, 2, 1, 4])),
  ]);
  expect(answers).toEqual(expected);
  expect(shard.device.runs).toEqual([{ layer: 1, experts: [1, 2, 4], rows: [1, 2, 1] }]);
  expect(await counted(shard.metrics, 'expertgrid_shard_expert_runs_total')).toBe(3);
  expect(await counted(shard.metrics, 'expertgrid_shard_batch_calls_sum')).toBe(2);
  expect(await counted(shard.metrics, 'expertgrid_shard_batch_calls_count')).toBe(1);
  expect(await counted(shard.metrics, 'expertgrid_shard_calls_total', { outcome: 'ok' })).toBe(2);
});

test('decode rows run before prefill rows that arrived earlier', async () => {
  const shard = await createTestShard();
  const transport = await connect(shard);
  await Promise.all([
    run(transport, request([0, 1], { layer: 0, priority: 1 })),
    run(transport, request([0, 1], { layer: 1, priority: 0 })),
  ]);
  expect(shard.device.runs.map(({ layer }) => layer)).toEqual([1, 0]);
  expect(await counted(shard.metrics, 'expertgrid_shard_rows_total', { priority: 'bulk' })).toBe(1);
});

test('a call that is cancelled in the queue is never run', async () => {
  const shard = await createTestShard();
  const transport = await connect(shard);
  const controller = new AbortController();
  const kept = run(transport, request([0, 1], { layer: 0 }));
  const cancelled = run(transport, request([0, 2], { layer: 1 }), { signal: controller.signal });
  controller.abort();
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  await kept;
  await expect
    .poll(() => counted(shard.metrics, 'expertgrid_shard_calls_total', { outcome: 'cancelled' }))
    .toBe(1);
  expect(shard.device.runs.map(({ layer }) => layer)).toEqual([0]);
});

test('a call whose deadline passes in the queue is never run', async () => {
  const shard = await createTestShard();
  const deadlineAt = performance.now() - 1;
  const call = shard.service.handlers['expert.run']?.(runRequestToParams(request([0, 1])), {
    signal: new AbortController().signal,
    aborted: false,
    deadlineAt,
  });
  await expect(call).rejects.toMatchObject({ code: 'deadline' });
  expect(shard.device.runs).toEqual([]);
  expect(await counted(shard.metrics, 'expertgrid_shard_calls_total', { outcome: 'deadline' })).toBe(1);
});

test('expert.run answers busy with retryAfterMs if the queue is full', async () => {
  const transport = await connect(await createTestShard());
  const most = Array.from({ length: 512 }, () => [0, 1]).flat();
  const calls = Array.from({ length: 33 }, () => run(transport, request(most)));
  const answers = await Promise.allSettled(calls);
  expect(answers.map(({ status }) => status)).toEqual([...Array(32).fill('fulfilled'), 'rejected']);
  expect(answers.at(-1)).toMatchObject({ reason: { code: 'busy', retryAfterMs: 100 } });
});

test('an answer that is not finite fails only its own call, with an error that names the expert', async () => {
  const shard = await createTestShard();
  const broken = { ...shard.device };
  broken.run = async (layer, x, asks) => {
    const answers = await shard.device.run(layer, x, asks);
    const ask = asks.findIndex((value, i) => i % 2 === 1 && value === 4) >> 1;
    if (ask >= 0) answers.fill(Number.NaN, ask * model.hidden, (ask + 1) * model.hidden);
    return answers;
  };
  const transport = await connect(await createTestShard({ device: broken }));
  const [good, bad] = await Promise.allSettled([
    run(transport, request([0, 1])),
    run(transport, request([0, 2, 1, 4])),
  ]);
  expect(good?.status).toBe('fulfilled');
  expect(bad).toMatchObject({
    reason: { code: 'internal', message: 'expert 4 of layer 1 gave a number that is not finite' },
  });
});

test('run gives the same answers and errors as expert.run', async () => {
  const { service } = await createTestShard({ units: [1, 2, 3].map((expert) => ({ layer: 1, expert })) });
  const asked = request([1, 3, 0, 2, 0, 3]);
  const whole = await createTestShard();
  const { rows } = await service.run(asked);
  expect([...rows]).toEqual([...(await run(await connect(whole), asked))]);
  await expect(service.run(request([0, 4]))).rejects.toMatchObject({
    code: 'not_held',
    message: 'expert 4 of layer 1 is not held by this shard',
  });
  const broken = { ...whole.device, run: async () => new Float32Array(model.hidden).fill(Number.NaN) };
  const { service: odd } = await createTestShard({ device: broken });
  await expect(odd.run(request([0, 4]))).rejects.toMatchObject({
    code: 'internal',
    message: 'expert 4 of layer 1 gave a number that is not finite',
  });
});

test('a run that fails on the device fails its calls, and the shard serves later calls', async () => {
  const shard = await createTestShard();
  let failures = 1;
  const failing = { ...shard.device };
  failing.run = async (layer, x, asks) => {
    if (failures-- > 0) throw new Error('out of memory');
    return shard.device.run(layer, x, asks);
  };
  const transport = await connect(await createTestShard({ device: failing }));
  await expect(run(transport, request([0, 1]))).rejects.toMatchObject({
    code: 'internal',
    message: 'layer 1 failed on its device: out of memory',
  });
  expect(await run(transport, request([0, 1]))).toHaveLength(model.hidden);
});

describe('expert.run refuses an invalid request and says why', () => {
  const nan = new Float32Array(2 * model.hidden);
  nan[model.hidden] = Number.NaN;
  const good = runRequestToParams(request([0, 1]));
  const cases: [string, Params, string, string][] = [
    ['another model', { ...good, model: 'other' }, 'incompatible', 'serves model test-model, not other'],
    ['no model', { ...good, model: null }, 'invalid', 'model must be a string'],
    ['a layer too many', { ...good, layer: 2 }, 'invalid', 'layer must be an integer from 0 to 1'],
    ['a fractional layer', { ...good, layer: 0.5 }, 'invalid', 'layer must be an integer'],
    ['a third priority', { ...good, priority: 2 }, 'invalid', 'priority must be an integer from 0 to 1'],
    ['another dtype', { ...good, dtype: 'bf16' }, 'invalid', 'dtype must be f32, not "bf16"'],
    ['half a row', { ...good, rows: new Uint8Array(12) }, 'invalid', 'rows must be 1 to 64 rows of 8 floats'],
    ['no rows', { ...good, rows: new Uint8Array(0) }, 'invalid', 'rows must be 1 to 64'],
    ['65 rows', { ...good, rows: new Uint8Array(65 * 32) }, 'invalid', 'bytes are 65'],
    ['rows that are text', { ...good, rows: 'rows' }, 'invalid', 'rows must be binary'],
    ['half a pair', { ...good, asks: new Uint8Array(6) }, 'invalid', 'asks must be 1 to 512 pairs'],
    ['an odd byte', { ...good, asks: new Uint8Array(5) }, 'invalid', 'cannot fill 5 bytes'],
    ['no asks', { ...good, asks: new Uint8Array(0) }, 'invalid', 'asks must be 1 to 512 pairs'],
    ['a row that is not there', runRequestToParams(request([2, 1])), 'invalid', 'ask 0 names row 2 of 2'],
    [
      'an expert that is not there',
      runRequestToParams(request([0, 1, 0, 6])),
      'invalid',
      'ask 1 names expert 6 of 6',
    ],
    [
      'a row that is NaN',
      runRequestToParams(request([0, 1], { rows: nan })),
      'invalid',
      'row 1 is not finite',
    ],
    [
      'an expert not held',
      runRequestToParams(request([0, 5])),
      'not_held',
      'expert 5 of layer 1 is not held',
    ],
  ];
  test.each(cases)('%s', async (_name, params, code, reason) => {
    const { service } = await createTestShard({
      units: [
        { layer: 1, expert: 1 },
        { layer: 1, expert: 2 },
      ],
    });
    const { signal } = new AbortController();
    const context = { signal, aborted: false, deadlineAt: performance.now() + 5_000 };
    const call = service.handlers['expert.run']?.(params, context);
    await expect(call).rejects.toMatchObject({ code, message: expect.stringContaining(reason) });
  });
});

test('the metrics server answers GET /metrics and GET /health', async () => {
  const shard = await createTestShard();
  await run(await connect(shard), request([0, 1]));
  const state = () => shard.service.state;
  const server = await serveMetrics({ registry: shard.metrics.registry, state, host: '127.0.0.1', port: 0 });
  try {
    const base = `http://127.0.0.1:${server.port}`;
    const metrics = await (await fetch(`${base}/metrics`)).text();
    expect(metrics).toContain('expertgrid_shard_calls_total{outcome="ok"} 1');
    expect(metrics).toContain('expertgrid_shard_units 12');
    expect((await fetch(`${base}/health`)).status).toBe(200);
    expect((await fetch(`${base}/other`)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
    shard.service.drain();
    expect((await fetch(`${base}/health`)).status).toBe(503);
  } finally {
    await server.close();
  }
});
