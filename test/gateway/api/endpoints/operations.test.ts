// Endpoints and logs for operators: health, readiness, metrics, log lines, request ids.
import { expect, test } from 'vitest';
import { Warnings } from '../../../../gateway/api/warnings.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, openRoom, say, until } from '../harness.ts';

const base = { model: MODEL, prompt: 'secret words' };

test('/health is ok even if the engine does not answer', async () => {
  const { url } = await openRoom({ statusMs: 60_000, status: { ready: false } });
  for (const path of ['/health', '/v1/health', '/health/']) {
    const response = await fetch(url + path);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  }
  expect((await fetch(`${url}/health`, { method: 'HEAD' })).status).toBe(200);
});

test('/health/ready is 200, or 503 with the missing experts', async () => {
  const missing = [{ layer: 3, experts: '0-23,40' }];
  const { url, engine, logs } = await openRoom();
  const ready = await fetch(`${url}/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', missing: [] }]);
  engine.options = { ...engine.options, status: { ready: false, missing } };
  const waiting = await fetch(`${url}/health/ready`);
  expect([waiting.status, await waiting.json()]).toEqual([503, { status: 'not_ready', missing }]);
  const info = 30; // not the level of a fault
  await until(() => logs.some(({ status, level }) => status === 503 && level === info));
});

test('/health/ready is 503 if the engine does not answer in time', async () => {
  const { url } = await openRoom({ statusMs: 60_000, limits: { statusMs: 20 } });
  const response = await fetch(`${url}/health/ready`);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ status: 'unknown' });
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('expertgrid_engine_up 0');
});

test('warnings are in /health/ready and /metrics, and requests are still answered', async () => {
  const warnings = new Warnings();
  let fault: string | undefined;
  warnings.watch('api_keys', () => fault);
  const { url, post } = await openRoom({ api: { warnings } });
  const ready = async () => await (await fetch(`${url}/health/ready`)).json();
  const metric = async () =>
    sample(await (await fetch(`${url}/metrics`)).text(), 'expertgrid_warning{what="api_keys"}');
  expect([await ready(), await metric()]).toEqual([{ status: 'ready', missing: [] }, 0]);
  fault = 'mend it';
  const told = { status: 'ready', missing: [], warnings: [{ what: 'api_keys', message: 'mend it' }] };
  expect([await ready(), await metric()]).toEqual([told, 1]);
  expect((await post('/v1/completions', base)).status).toBe(200);
});

test('while the usage log cannot be written, requests are a 503 if usage must be logged, and else are answered', async () => {
  const usageLog = { waiting: 0, lost: 0 };
  const strict = await openRoom({ api: { usageLog, usageRequired: true } });
  const lenient = await openRoom({ api: { usageLog } });
  expect((await strict.post('/v1/completions', base)).status).toBe(200);
  Object.assign(usageLog, { waiting: 3, lost: 2 });
  for (const path of ['/v1/completions', '/v1/chat/completions']) {
    const body = { model: MODEL, prompt: 'a', messages: [{ role: 'user', content: 'a' }] };
    const { prompt: _, ...chat } = body;
    const refused = await strict.post(path, path.includes('chat') ? chat : base);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.body.error).toMatchObject({ type: 'server_error', code: 'usage_log_unavailable' });
  }
  expect((await fetch(`${strict.url}/v1/models`)).status).toBe(200);
  expect((await lenient.post('/v1/completions', base)).status).toBe(200);
  const page = await (await fetch(`${lenient.url}/metrics`)).text();
  expect(sample(page, 'expertgrid_usage_lines_waiting')).toBe(3);
  expect(sample(page, 'expertgrid_usage_lines_lost_total')).toBe(2);
});

/** The value of a sample in Prometheus' text format. */
function sample(page: string, name: string): number {
  const line = page.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

test('/metrics counts requests by endpoint and status, tokens, and the engine’s counters', async () => {
  const { url, post } = await openRoom({ once: true, status: { waiting: 4, kvBytesReserved: 7 } });
  await post('/v1/completions', base);
  await (
    await fetch(`${url}/completions`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ ...base, stream: true }),
    })
  ).text();
  await post('/v1/completions', { ...base, n: 0 });
  await post('/no/such/path', {});
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  const page = await response.text();
  const completions = 'endpoint="/v1/completions"';
  expect(sample(page, `expertgrid_requests_total{${completions},status="200"}`)).toBe(2);
  expect(sample(page, `expertgrid_requests_total{${completions},status="400"}`)).toBe(1);
  expect(sample(page, 'expertgrid_requests_total{endpoint="unmatched",status="404"}')).toBe(1);
  expect(sample(page, `expertgrid_time_to_first_token_seconds_count{${completions}}`)).toBe(2);
  expect(sample(page, `expertgrid_inter_token_latency_seconds_count{${completions}}`)).toBe(2);
  expect(sample(page, `expertgrid_request_duration_seconds_count{${completions}}`)).toBe(3);
  expect(sample(page, 'expertgrid_generated_tokens_total')).toBe(4);
  expect(sample(page, 'expertgrid_prompt_tokens_total')).toBeGreaterThan(2);
  expect(sample(page, 'expertgrid_sequences_waiting')).toBe(4);
  expect(sample(page, 'expertgrid_kv_reserved_bytes')).toBe(7);
  expect(sample(page, 'expertgrid_engine_steps_total')).toBe(4);
  expect(sample(page, 'expertgrid_ready')).toBe(1);
});

test('each request has one log line, which contains no text of the prompt or the answer', async () => {
  const { post, logs } = await openRoom({ once: true });
  await post('/v1/completions?key=hidden', base, { headers: { 'x-request-id': 'mine-1' } });
  expect(logs).toHaveLength(1);
  expect(logs[0]).toMatchObject({
    level: 30,
    msg: 'request',
    requestId: 'mine-1',
    method: 'POST',
    path: '/v1/completions',
    status: 200,
    promptTokens: expect.any(Number),
    completionTokens: 2,
    ttftMs: expect.any(Number),
    durationMs: expect.any(Number),
    finish: 'stop',
  });
  expect(JSON.stringify(logs)).not.toMatch(/secret|hello|hidden/);
});

test('a stream is logged when it ends, and an error is logged with its code', async () => {
  const { url, post, logs } = await openRoom({ once: true, stepMs: 20 });
  const body = JSON.stringify({ ...base, stream: true });
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers: JSON_TYPE, body });
  expect(logs).toHaveLength(0);
  await response.text();
  await until(() => logs.length === 1);
  expect(logs[0]).toMatchObject({ status: 200, completionTokens: 2, finish: 'stop' });
  await post('/v1/completions', { ...base, temperature: 9 });
  expect(logs[1]).toMatchObject({ status: 400, error: 'decimal_above_max_value' });
});

test.each([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] }],
  ['/v1/responses', { input: 'x' }],
  ['/v1/messages', { messages: [{ role: 'user', content: 'x' }], max_tokens: 200 }],
])('the log line of %s has the finish reason of an answer with tool calls', async (path, fields) => {
  const reply = () => say('<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>');
  const room = await openRoom({ once: true, chat: TOOL_TEMPLATE, reply });
  const schema = { type: 'object' };
  const tool = {
    '/v1/chat/completions': { type: 'function', function: { name: 'f' } },
    '/v1/responses': { type: 'function', name: 'f' },
    '/v1/messages': { name: 'f', input_schema: schema },
  }[path];
  for (const stream of [false, true]) {
    const body = JSON.stringify({ model: MODEL, ...fields, tools: [tool], stream });
    const answer = await fetch(room.url + path, { method: 'POST', headers: JSON_TYPE, body });
    expect(await answer.text()).toMatch(/tool_calls|function_call|tool_use/);
    await until(() => room.logs.length === (stream ? 2 : 1));
    expect(room.logs.at(-1)).toMatchObject({ status: 200, finish: 'tool_calls' });
  }
});

test('a safe request id is accepted, and an unsafe one is replaced', async () => {
  const { post } = await openRoom({ once: true });
  const idOf = async (given?: string) => {
    const headers: Record<string, string> = given === undefined ? {} : { 'x-request-id': given };
    return (await post('/v1/completions', base, { headers })).headers.get('x-request-id');
  };
  expect(await idOf('abc-123')).toBe('abc-123');
  for (const unsafe of [undefined, 'has space', 'x'.repeat(200)])
    expect(await idOf(unsafe)).toMatch(/^req_[0-9a-f]{32}$/);
});

test('answers and errors report their processing time', async () => {
  const { post } = await openRoom({ once: true });
  for (const fields of [{}, { n: 2 }]) {
    const { headers } = await post('/v1/completions', { ...base, ...fields });
    expect(headers.get('openai-processing-ms')).toMatch(/^\d+$/);
  }
});

test('the engine is asked for its fingerprint once and not for every request', async () => {
  const { post, engine } = await openRoom({ once: true });
  let asked = 0;
  const status = engine.status.bind(engine);
  engine.status = () => {
    asked++;
    return status();
  };
  for (let i = 0; i < 3; i++) await post('/v1/completions', base);
  expect(asked).toBe(1);
});

test('an engine that does not report its fingerprint delays no request', async () => {
  const { post } = await openRoom({ once: true, statusMs: 60_000, limits: { statusMs: 20 } });
  const { status, body } = await post('/v1/completions', base);
  expect([status, 'system_fingerprint' in body]).toEqual([200, false]);
});
