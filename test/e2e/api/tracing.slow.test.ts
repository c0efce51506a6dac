// Traces of a running gateway that a collector gets: one span for each request, with the spans of the engine below it.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Collector, openCollector, type ReadSpan } from '../../support/network/otlp.ts';
import { eventually, startProcess } from '../../support/process.ts';
import { complete, type Gateway, gatewayOf, post, stream } from '../gateway.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

async function traced(env: NodeJS.ProcessEnv): Promise<Gateway> {
  const args = [main, 'up', '--in-process', '--port', '0', '--log-level', 'info'];
  const quick = { OTEL_BSP_SCHEDULE_DELAY: '20' };
  return await gatewayOf(startProcess(process.execPath, args, { env: { ...process.env, ...quick, ...env } }));
}

/** A collector that is closed after the test. */
async function collectorOf(options?: { answers: boolean }): Promise<Collector> {
  const collector = await openCollector(options);
  onTestFinished(collector.close);
  return collector;
}

const rootOf = (spans: readonly ReadSpan[]) => spans.filter(({ kind }) => kind === 2);
const requestOf = (collector: Collector, id: string) =>
  eventually(() =>
    rootOf(collector.spans).find(({ attributes }) => attributes['expertgrid.request_id'] === id),
  );

async function ask(gateway: Gateway, body: Record<string, unknown>, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: gateway.model, ignore_eos: true, ...body }),
  });
  await response.text();
  return response.headers.get('x-request-id') ?? '';
}

const parentOf = (flags: string) => `00-${'1'.repeat(32)}-${'2'.repeat(16)}-${flags}`;

describe('a gateway with a collector', () => {
  let collector: Collector;
  let gateway: Gateway;
  beforeAll(async () => {
    collector = await openCollector();
    gateway = await traced({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'my-gateway',
    });
  });
  afterAll(() => collector.close());

  test('a request is a span of the caller’s trace, with queue, prefill and decode below it', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const parentId = 'b7ad6b7169203331';
    const id = await ask(
      gateway,
      { prompt: 'The old man', max_tokens: 8, n: 2 },
      { traceparent: `00-${traceId}-${parentId}-01`, tracestate: 'vendor=1' },
    );
    const span = await requestOf(collector, id);
    expect(span).toMatchObject({
      traceId,
      parentId,
      traceState: 'vendor=1',
      name: 'POST /v1/completions',
      status: 0,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/completions',
        'http.response.status_code': 200,
        'gen_ai.operation.name': 'text_completion',
        'gen_ai.request.model': 'nano',
        'gen_ai.response.model': 'nano',
        'gen_ai.response.finish_reasons': ['length'],
        'gen_ai.usage.output_tokens': 16,
        'gen_ai.usage.cache_read.input_tokens': 0,
      },
      resource: {
        'service.name': 'my-gateway',
        'deployment.environment.name': 'test',
        'service.version': expect.any(String),
      },
    });
    expect(span.attributes['gen_ai.usage.input_tokens']).toBeGreaterThan(1);
    expect(span.attributes).not.toHaveProperty('error.type');
    expect(collector.headers[0]).toMatchObject({ 'x-tenant': 'blue' });

    const below = collector.spans.filter((each) => each.parentId === span.spanId);
    expect(below.every((each) => each.traceId === traceId)).toBe(true);
    for (const choice of [0, 1]) {
      const phases = below.filter(({ attributes }) => attributes['expertgrid.choice'] === choice);
      expect(phases.map(({ name }) => name)).toEqual(['queue', 'prefill', 'decode']);
      const [queue, prefill, decode] = phases as [ReadSpan, ReadSpan, ReadSpan];
      expect(queue.startMs).toBeGreaterThanOrEqual(span.startMs);
      expect(prefill.startMs).toBeCloseTo(queue.endMs, 1);
      expect(decode.startMs).toBeCloseTo(prefill.endMs, 1);
      expect(prefill.endMs).toBeGreaterThan(prefill.startMs);
      expect(decode.endMs).toBeGreaterThan(decode.startMs);
      expect(decode.endMs).toBeLessThanOrEqual(span.endMs + 0.1);
    }
    const line = gateway.process.stderr.split('\n').find((text) => text.includes(id));
    expect(JSON.parse(line ?? '')).toMatchObject({ requestId: id, trace: traceId });
  });

  test('a refusal names its error; probes are not traced; a stream’s span ends with the stream', async () => {
    await fetch(`${gateway.url}/health`);
    await fetch(`${gateway.url}/metrics`);
    const refused = await requestOf(collector, await ask(gateway, { prompt: 'x', temperature: 9 }));
    expect(refused.attributes).toMatchObject({
      'http.response.status_code': 400,
      'error.type': 'decimal_above_max_value',
    });
    expect([refused.status, refused.parentId]).toEqual([0, '']);
    const startedAt = Date.now();
    for await (const _ of stream(gateway, { prompt: 'The old man', max_tokens: 60 }));
    const endedAt = Date.now();
    const streamed = await eventually(() =>
      rootOf(collector.spans).find(({ startMs }) => startMs >= startedAt - 1),
    );
    expect(streamed.endMs).toBeLessThanOrEqual(endedAt + 1);
    expect(streamed.endMs - streamed.startMs).toBeGreaterThan((endedAt - startedAt) / 2);
    expect(new Set(rootOf(collector.spans).map(({ name }) => name))).toEqual(
      new Set(['POST /v1/completions']),
    );
  });

  test('a trace that the client does not sample is not sent', async () => {
    const unsampled = await ask(gateway, { prompt: 'a', max_tokens: 1 }, { traceparent: parentOf('00') });
    const sampled = await ask(gateway, { prompt: 'a', max_tokens: 1 }, { traceparent: parentOf('01') });
    await requestOf(collector, sampled);
    const told = rootOf(collector.spans).map(({ attributes }) => attributes['expertgrid.request_id']);
    expect(told).toContain(sampled);
    expect(told).not.toContain(unsampled);
  });
});

test('spans that wait are sent when the gateway ends', async () => {
  const collector = await collectorOf();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '600000' };
  const gateway = await traced(env);
  await complete(gateway, { prompt: 'a', max_tokens: 1 });
  expect(collector.spans).toEqual([]);
  gateway.process.signal('SIGTERM');
  expect((await gateway.process.exit).code).toBe(0);
  expect(rootOf(collector.spans)).toHaveLength(1);
});

test.each([
  ['is not there', async () => 'http://127.0.0.1:1'],
  ['never answers', async () => (await collectorOf({ answers: false })).url],
])('a collector that %s delays neither requests nor the shutdown', async (_, address) => {
  const gateway = await traced({ OTEL_EXPORTER_OTLP_ENDPOINT: await address() });
  for (let i = 0; i < 5; i++) expect((await post(gateway, { prompt: 'a', max_tokens: 2 })).status).toBe(200);
  const endsAt = performance.now();
  gateway.process.signal('SIGTERM');
  expect((await gateway.process.exit).code).toBe(0);
  expect(performance.now() - endsAt).toBeLessThan(6_000);
  expect(gateway.process.stderr.match(/traces are not delivered/g)).toHaveLength(1);
});
