// The limits of keys and their usage, through the front door. The same cases run on Node and in the Worker.
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ADMIN,
  answerWithUsage,
  errorOf,
  type Json,
  type Opened,
  used,
} from '../accounts/edge-with-accounts.ts';

const body = JSON.stringify({ model: 'nano', prompt: 'hi', max_tokens: 40 });
/** The tokens that each request has used. */
const TOKENS = used.prompt_tokens + used.generated_tokens;

export function limitCases(open: () => Promise<Opened>): void {
  let edge: Opened;
  beforeAll(async () => {
    edge = await open();
  }, 120_000);

  const post = (key: string, path = '/v1/completions', headers = {}) =>
    edge.fetch(path, { method: 'POST', key, body, headers });

  /** Rows of the key's usage, when there are `count` of them. */
  async function rowsOf(key: string, count: number): Promise<Json[]> {
    for (let tries = 0; tries < 200; tries++) {
      const answer = await edge.fetch('/usage?by=request', { key });
      const { usage } = (await answer.json()) as Json;
      if (usage.length >= count) return usage;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`there are no ${count} rows`);
  }

  describe('requests a minute', () => {
    it('are counted down in the headers, and then refused in the format of the endpoint', async () => {
      const key = await edge.createKey({ name: 'slow', rpm: 2, tpm: 100_000 });
      const first = await post(key);
      expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
      expect(Number(first.headers.get('x-ratelimit-remaining-tokens'))).toBeGreaterThan(99_900);
      const second = await post(key, '/v1/messages');
      expect(second.headers.get('anthropic-ratelimit-requests-remaining')).toBe('0');
      expect(second.headers.get('anthropic-ratelimit-requests-reset')).toMatch(/^20\d\d-.*Z$/);
      const third = await post(key);
      const retryMs = Number(third.headers.get('retry-after-ms'));
      expect([retryMs > 20_000, retryMs <= 30_000, third.headers.get('retry-after')]).toEqual([
        true,
        true,
        '30',
      ]);
      expect(await errorOf(third)).toMatchObject({
        status: 429,
        code: 'rate_limit_exceeded',
        type: 'requests',
      });
      const message = await post(key, '/v1/messages');
      expect([message.status, ((await message.json()) as Json).error.type]).toEqual([
        429,
        'rate_limit_error',
      ]);
    });

    it('count POST requests that generate nothing, and no GET requests', async () => {
      const key = await edge.createKey({ name: 'counter', rpm: 1 });
      expect((await edge.fetch('/v1/models', { key })).status).toBe(200);
      expect((await post(key, '/v1/tokenize')).status).toBe(200);
      expect((await post(key, '/v1/tokenize')).status).toBe(429);
      expect((await edge.fetch('/v1/models', { key })).status).toBe(200);
    });
  });

  describe('a budget', () => {
    it('is never exceeded by 200 requests at once, and what they leave can be used', async () => {
      const key = await edge.createKey({ name: 'budget', budget: 1_000 });
      const answers = await Promise.all(Array.from({ length: 200 }, () => post(key)));
      const served = answers.filter(({ status }) => status === 200).length;
      expect(served).toBeGreaterThan(0);
      const refusal = await errorOf(answers.find(({ status }) => status === 429)!);
      expect(refusal).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota' });
      expect(refusal.message).toMatch(
        /1000 tokens a month\. The request may use \d+: up to \d+ for its prompt and 40 /,
      );
      const sum = async () =>
        (await rowsOf(key, served)).reduce(
          (total, row) => total + row.prompt_tokens + row.generated_tokens,
          0,
        );
      expect(await sum()).toBe(served * TOKENS);
      // One after another, requests are served until one could exceed what is left.
      let more = 0;
      while ((await post(key)).status === 200) more++;
      const all = (served + more) * TOKENS;
      expect(all).toBeLessThanOrEqual(1_000);
      expect(all).toBeGreaterThan(1_000 - 400);
    });
  });

  describe('a reservation', () => {
    const needed = async (name: string, path: string, fields: object) => {
      const key = await edge.createKey({ name, budget: 400 });
      const refused = await edge.fetch(path, {
        method: 'POST',
        key,
        body: JSON.stringify({ model: 'nano', ...fields }),
      });
      const { status, message } = await errorOf(refused);
      return [status, Number(/ and (\d+) for its answer/.exec(message)?.[1])];
    };

    it('of a chat without max_tokens covers the context, however its path is written', async () => {
      expect(await needed('plain', '/v1/chat/completions', { messages: [] })).toEqual([429, 2048]);
      expect(await needed('encoded', '/v1/ch%61t/completions', { messages: [] })).toEqual([429, 2048]);
      expect(await needed('slash', '/v1/chat/completions/', { messages: [] })).toEqual([429, 2048]);
    });

    it('covers every answer, and no more answers than a gateway makes', async () => {
      expect(await needed('two', '/v1/completions', { prompt: ['a', 'b'], n: 3, max_tokens: 50 })).toEqual([
        429, 300,
      ]);
      expect(await needed('many', '/v1/completions', { prompt: 'a', n: 2 ** 40, max_tokens: 50 })).toEqual([
        429, 6400,
      ]);
      const best = { n: 2, best_of: 5, max_tokens: 100 };
      expect(await needed('best', '/v1/completions', { prompt: ['a', 'b'], ...best })).toEqual([429, 1000]);
      const voted = { ...best, select: 'majority', messages: [] };
      expect(await needed('voted', '/v1/chat/completions', voted)).toEqual([429, 500]);
      expect(await needed('names', '/v1/responses', { input: 'a', max_output_tokens: 700 })).toEqual([
        429, 700,
      ]);
    });
  });

  describe('a limit of one request at once', () => {
    it('lets one of 200 requests reach the gateway, and the next one when it has ended', async () => {
      const key = await edge.createKey({ name: 'single', concurrency: 1 });
      const gate = Promise.withResolvers<void>();
      let [open, most] = [0, 0];
      edge.gateway.handle = async (seen, response, request) => {
        if (seen.method === 'POST') {
          most = Math.max(most, ++open);
          await gate.promise;
          open--;
        }
        await answerWithUsage(seen, response, request);
      };
      const sent = Array.from({ length: 200 }, () => post(key));
      const done = Promise.all(sent);
      const refused = await Promise.all(sent.map((answer) => Promise.race([answer, delay(3_000)])));
      gate.resolve();
      const statuses = (await done).map(({ status }) => status);
      edge.gateway.handle = answerWithUsage;
      expect(refused.filter((answer) => answer === undefined)).toHaveLength(1);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(most).toBe(1);
      expect((await post(key)).status).toBe(200);
    });
  });

  describe('usage', () => {
    it('has a row for each request, and sums for each day, for its own key only', async () => {
      const [key, other] = [
        await edge.createKey({ name: 'user' }),
        await edge.createKey({ name: 'other-user' }),
      ];
      await post(key, '/v1/completions', { 'x-request-id': 'mine' });
      await post(key, '/v1/chat/completions', { 'x-request-id': 'mine' });
      await post(other);
      const rows = await rowsOf(key, 2);
      expect(rows).toHaveLength(2);
      expect(rows[0]).toEqual({
        ...{ id: expect.stringMatching(/^[0-9a-f]{32}$/), request: 'mine', key: 'user', model: 'nano' },
        ...{ endpoint: '/v1/completions', regions: 'eu', status: 200, resumes: 0, estimated: 0 },
        ...{ prompt_tokens: 3, cached_tokens: 1, generated_tokens: 4, degraded_hops: 0 },
        ...{ began: expect.any(Number), ended: expect.any(Number) },
      });
      const days = ((await (await edge.fetch('/v1/usage', { key })).json()) as Json).usage;
      const today = new Date().toISOString().slice(0, 10);
      expect(days).toEqual([
        {
          ...{ key: 'user', day: today, model: 'nano', requests: 2, prompt_tokens: 6, cached_tokens: 2 },
          ...{ generated_tokens: 8, degraded_hops: 0, resumes: 0, estimated: 0 },
        },
      ]);
      await rowsOf(other, 1); // in the Worker, each key has an object of its own, which sends its rows when it likes
      const all = await edge.fetch('/admin/usage?by=day&format=csv', { key: ADMIN });
      expect(all.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      const csv = await all.text();
      expect(csv).toMatch(/^key,day,model,requests,prompt_tokens,cached_tokens,generated_tokens,/);
      expect(csv).toContain(`\r\nuser,${today},nano,2,6,2,8,0,0,0\r\n`);
      expect(
        ((await (await edge.fetch('/admin/usage?key=other-user', { key: ADMIN })).json()) as Json).usage,
      ).toHaveLength(1);
    });

    it.each([
      ['from=soon', 'from'],
      ['to=x', 'to'],
      ['by=month', 'by'],
      ['format=xml', 'format'],
    ])('refuses ?%s and names the field', async (query, param) => {
      const refused = await edge.fetch(`/admin/usage?${query}`, { key: ADMIN });
      expect(await errorOf(refused)).toMatchObject({ status: 400, param });
    });

    it('of a request that its gateway refuses is empty, and has its status', async () => {
      const key = await edge.createKey({ name: 'unlucky' });
      edge.gateway.handle = ({ method, ...seen }, response, request) => {
        if (method === 'POST')
          response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{}}');
        else void answerWithUsage({ method, ...seen }, response, request);
      };
      expect((await post(key)).status).toBe(400);
      edge.gateway.handle = answerWithUsage;
      const [row] = await rowsOf(key, 1);
      expect(row).toMatchObject({ status: 400, prompt_tokens: 0, generated_tokens: 0, estimated: 0 });
    });
  });
}

function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}
