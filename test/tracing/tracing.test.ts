// Tests the settings from OTEL variables, and the spans and attributes of a request.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RequestStory } from '../../gateway/api/telemetry/telemetry.ts';
import { tracingSettings } from '../../tracing/settings.ts';
import { hasFailed, phases, requestAttributes, spanName } from '../../tracing/story.ts';
import { readTraceParent, writeTraceParent } from '../../tracing/trace-context.ts';

function settings(env: Record<string, string | undefined>) {
  const warnings: string[] = [];
  const found = tracingSettings(env, (message) => warnings.push(message));
  return { found, warnings };
}
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
const always = { sampler: { parentBased: true, ratio: 1 }, batch: {}, continuesCallers: true };

test.each([
  ['nothing is set', {}],
  ['the endpoint is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }],
  ['the SDK is disabled', { ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }],
  ['no exporter is wanted', { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }],
])('no traces are sent if %s', (_, env) => {
  expect(settings(env)).toEqual({ found: undefined, warnings: [] });
});

test.each([
  ['an endpoint', endpoint],
  ['an endpoint of traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }],
  ['an endpoint with defaults', { ...endpoint, OTEL_SDK_DISABLED: 'no', OTEL_TRACES_EXPORTER: 'otlp' }],
])('%s is enough to send traces', (_, env) => {
  expect(settings(env)).toEqual({ found: always, warnings: [] });
});

test.each([
  ['always_on', undefined, { parentBased: false, ratio: 1 }],
  ['always_off', undefined, { parentBased: false, ratio: 0 }],
  ['traceidratio', '0.25', { parentBased: false, ratio: 0.25 }],
  ['parentbased_always_off', undefined, { parentBased: true, ratio: 0 }],
  ['parentbased_traceidratio', '0', { parentBased: true, ratio: 0 }],
  ['parentbased_traceidratio', undefined, { parentBased: true, ratio: 1 }],
])('the sampler %s with the argument %s is parsed', (name, share, expected) => {
  const argument = share === undefined ? {} : { OTEL_TRACES_SAMPLER_ARG: share };
  const { found, warnings } = settings({ ...endpoint, OTEL_TRACES_SAMPLER: name, ...argument });
  expect([found?.sampler, warnings]).toEqual([expected, []]);
});

test('variables set the batches, and whether the traces of callers are continued', () => {
  const env = { OTEL_BSP_SCHEDULE_DELAY: '0', OTEL_BSP_MAX_QUEUE_SIZE: '9', OTEL_PROPAGATORS: 'b3, baggage' };
  expect(settings({ ...endpoint, ...env }).found).toEqual({
    ...always,
    batch: { scheduledDelayMillis: 0, maxQueueSize: 9 },
    continuesCallers: false,
  });
});

test.each([
  [{ OTEL_TRACES_EXPORTER: 'console' }, /OTEL_TRACES_EXPORTER is "console".*no traces/, undefined],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /"grpc" is not supported.*http\/protobuf/, always],
  [{ OTEL_TRACES_SAMPLER: 'often' }, /OTEL_TRACES_SAMPLER is "often"/, always],
  [
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' },
    /SAMPLER_ARG is "7"/,
    expect.anything(),
  ],
  [{ OTEL_BSP_MAX_QUEUE_SIZE: '0' }, /OTEL_BSP_MAX_QUEUE_SIZE is "0".*at least 1/, always],
])('%o gives a warning', (env, warning, expected) => {
  const { found, warnings } = settings({ ...endpoint, ...env });
  expect(found).toEqual(expected);
  expect(warnings).toEqual([expect.stringMatching(warning)]);
});

const hex = (length: number) =>
  fc
    .uint8Array({ minLength: length / 2, maxLength: length / 2 })
    .filter((bytes) => bytes.some((byte) => byte > 0))
    .map((bytes) => Buffer.from(bytes).toString('hex'));

test('a written traceparent is read back unchanged', () => {
  const parent = fc.record({ traceId: hex(32), spanId: hex(16), traceFlags: fc.nat(255) });
  fc.assert(
    fc.property(parent, (given) => {
      expect(readTraceParent(writeTraceParent(given))).toEqual(given);
    }),
    { seed: 9 },
  );
});

test.each([
  undefined,
  '',
  'x',
  `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`,
  `00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`,
  `ff-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
  `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01-more`,
  `00-${'A'.repeat(32)}-${'1'.repeat(16)}-01`,
])('the header %s is not a valid traceparent', (header) => {
  expect(readTraceParent(header)).toBeUndefined();
});

test('a traceparent of a later version may have more fields', () => {
  const header = `01-${'1'.repeat(32)}-${'2'.repeat(16)}-01-more`;
  expect(readTraceParent(header)).toEqual({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 });
});

const story: RequestStory = {
  requestId: 'req_1',
  method: 'POST',
  path: '/chat/completions',
  endpoint: '/v1/chat/completions',
  status: 200,
  durationMs: 100,
  error: undefined,
  requestedModel: 'chat',
  model: 'nano',
  key: 'alice',
  promptTokens: 12,
  completionTokens: 5,
  cachedTokens: 8,
  degradedHops: { standby: 2 },
  finishReasons: ['stop', 'length'],
  apiMs: 1.5,
  generations: [],
};

test('the attributes of a request have the names of OpenTelemetry’s conventions, or our own names if there are none', () => {
  expect(spanName(story)).toBe('POST /v1/chat/completions');
  expect(requestAttributes(story)).toEqual({
    'http.request.method': 'POST',
    'http.route': '/v1/chat/completions',
    'http.response.status_code': 200,
    'url.path': '/chat/completions',
    'url.scheme': 'http',
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'expertgrid',
    'gen_ai.request.model': 'chat',
    'gen_ai.response.model': 'nano',
    'gen_ai.response.finish_reasons': ['stop', 'length'],
    'gen_ai.usage.input_tokens': 12,
    'gen_ai.usage.output_tokens': 5,
    'gen_ai.usage.cache_read.input_tokens': 8,
    'expertgrid.request_id': 'req_1',
    'expertgrid.key': 'alice',
    'expertgrid.api_overhead_ms': 1.5,
    'expertgrid.degraded_hops.standby': 2,
  });
});

test('a request for an unknown path has no route and no attributes of a generation', () => {
  const lost = { ...story, endpoint: 'unmatched', status: 404, error: undefined };
  expect(spanName(lost)).toBe('POST');
  const attributes = requestAttributes(lost);
  expect(attributes['error.type']).toBe('404');
  expect(Object.keys(attributes).filter((name) => /gen_ai|route/.test(name))).toEqual([]);
});

test('a span has failed only if the server is at fault', () => {
  expect([200, 404, 429, 499, 500, 503].filter((status) => hasFailed({ ...story, status }))).toEqual([
    500, 503,
  ]);
});

test('the phases of a generation follow one another, and a generation that did not begin has no phases', () => {
  const began = { queuedMs: 10, prefillMs: 20 };
  const generations = [
    { index: 0, askedAtMs: 5, began, endedAtMs: 90 },
    { index: 1, askedAtMs: 5, began: undefined, endedAtMs: 90 },
    { index: 2, askedAtMs: 6, began, endedAtMs: 30 },
  ];
  const told = phases({ ...story, generations });
  expect(
    told.map(({ name, from, to, attributes }) => [attributes['expertgrid.choice'], name, from, to]),
  ).toEqual([
    [0, 'queue', 5, 15],
    [0, 'prefill', 15, 35],
    [0, 'decode', 35, 90],
    [2, 'queue', 6, 16],
    [2, 'prefill', 16, 36],
    [2, 'decode', 36, 36],
  ]);
});
