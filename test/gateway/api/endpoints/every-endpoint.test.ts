// Rules for every endpoint that takes a body: the model, methods, CORS preflights, the limits of a key, and headers.
import { expect, test } from 'vitest';
import { hashKey } from '../../../../gateway/api/tenants/keys.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { honestRequests } from '../fuzz/fuzz-requests.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, until } from '../harness.ts';

const firsts = honestRequests.filter(
  ({ path }, i) => honestRequests.findIndex((each) => each.path === path) === i,
);
const created = '2026-01-31T12:00:00.000Z';
const keys = () => [{ name: 'a', sha256: hashKey('eg-a'), created, rpm: 100, tpm: 200 }];
const page = { origin: 'https://page.example', 'access-control-request-method': 'POST' };

test.each(firsts)(
  '$path needs no "model" if only one model is served, and answers 400 without it if several are',
  async ({ path, body }) => {
    const init = { method: 'POST', headers: JSON_TYPE };
    const ask = async ({ url, logs }: Room, model: unknown) => {
      const answer = await fetch(url + path, { ...init, body: JSON.stringify({ ...body, model }) });
      await until(() => logs.length > 0);
      return { status: answer.status, text: await answer.text(), model: logs.pop()?.model };
    };
    const alone = await openRoom({ once: true, chat: TOOL_TEMPLATE });
    for (const model of [undefined, null]) {
      expect(await ask(alone, model)).toMatchObject({ status: 200, model: MODEL });
    }
    const beside = await openRoom({ once: true, chat: TOOL_TEMPLATE, others: { second: {} } });
    const { status, text } = await ask(beside, undefined);
    // As in vLLM, /tokenize and /detokenize use the first model.
    if (/tokenize$/.test(path)) expect(status).toBe(200);
    else
      expect([status, text]).toEqual([400, expect.stringContaining("Missing required parameter: 'model'")]);
  },
);

test.each(firsts)('$path answers 405 to other methods and allows POST', async ({ path }) => {
  const { url } = await openRoom();
  for (const method of ['HEAD', 'OPTIONS', 'GET', 'PUT', 'DELETE']) {
    const answer = await fetch(url + path, { method, headers: page });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await answer.text()) === '').toBe(method === 'HEAD');
  }
});

test.each(firsts)('$path answers a CORS preflight without a key', async ({ path, body }) => {
  const api = { access: { keys }, corsOrigins: [page.origin] };
  const { url } = await openRoom({ once: true, chat: TOOL_TEMPLATE, api });
  const asked = { ...page, 'access-control-request-headers': 'x-api-key,anthropic-version' };
  const preflight = await fetch(url + path, { method: 'OPTIONS', headers: asked });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toBe('x-api-key,anthropic-version');
  const refused = await fetch(url + path, { method: 'POST', body: '{}', headers: { ...JSON_TYPE, ...page } });
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, page.origin]);
  const headers = { ...JSON_TYPE, ...page, 'x-api-key': 'eg-a' };
  const answer = await fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers });
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, page.origin]);
  expect(answer.headers.get('access-control-expose-headers')).toContain('x-ratelimit-remaining-tokens');
});

const streams = firsts
  .filter(({ path }) => /(completions|responses|messages)$/.test(path))
  .map(({ path, body }) => ({ path, body: { ...body, stream: true } }));

test.each([...firsts, ...streams])(
  '$path has the headers of the key’s limits (stream: $body.stream)',
  async ({ path, body }) => {
    const { url } = await openRoom({ once: true, chat: TOOL_TEMPLATE, api: { access: { keys } } });
    const headers = { ...JSON_TYPE, authorization: 'Bearer eg-a', 'x-request-id': 'mine' };
    const answer = await fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers });
    await answer.text();
    const told = Object.fromEntries(answer.headers);
    expect(told).toMatchObject({
      'x-request-id': 'mine',
      'openai-processing-ms': expect.stringMatching(/^\d+$/),
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '99',
      'x-ratelimit-limit-tokens': '200',
      'x-ratelimit-reset-tokens': expect.stringMatching(/s$/),
    });
    const generates = /(completions|responses|messages)$/.test(path);
    const left = Number(told['x-ratelimit-remaining-tokens']);
    if (generates) expect(left).toBeLessThan(200);
    else expect(left).toBe(200);
    if ('stream' in body) expect(told['x-accel-buffering']).toBe('no');
  },
);
