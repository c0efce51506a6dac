// API keys of the edge, through its operators' API and its front door. The same cases run on Node and in the Worker.
import { beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, errorOf, type Opened } from './edge-with-accounts.ts';

const body = JSON.stringify({ model: 'nano', prompt: 'hi', max_tokens: 4 });

export function keyCases(open: () => Promise<Opened>): void {
  let edge: Opened;
  beforeAll(async () => {
    edge = await open();
  }, 120_000);

  const post = (key: string | undefined, text = body, headers = {}) =>
    edge.fetch('/v1/completions', { method: 'POST', body: text, headers, ...(key !== undefined && { key }) });
  const posts = () => edge.gateway.seen.filter(({ method }) => method === 'POST');

  describe('a request', () => {
    it('is refused without a key, and the reason is said in both formats', async () => {
      expect(await errorOf(await post(undefined))).toMatchObject({
        status: 401,
        code: 'invalid_api_key',
        type: 'invalid_request_error',
        param: null,
        message: expect.stringContaining("You didn't provide an API key"),
      });
      const message = await edge.fetch('/v1/messages', { method: 'POST', body });
      expect([message.status, await message.json()]).toEqual([
        401,
        {
          type: 'error',
          error: { type: 'authentication_error', message: expect.stringContaining('API key') },
          request_id: message.headers.get('x-request-id'),
        },
      ]);
      expect(posts()).toEqual([]);
    });

    it('is refused with a wrong key, of which only the beginning of a key of ours is shown', async () => {
      const ours = await errorOf(await post(`eg-${'x'.repeat(43)}`));
      expect(ours.message).toBe('Incorrect API key provided: eg-xxx….');
      const foreign = await errorOf(await post('sk-secret-of-another-service'));
      expect(foreign.message).not.toContain('secret');
      expect([ours.status, foreign.status]).toEqual([401, 401]);
    });

    it('is signed in the name of its key, with its scopes and weight, and has the key no more', async () => {
      const key = await edge.createKey({ name: 'team', scopes: ['generate', 'admin'], weight: 3 });
      for (const headers of [{}, { 'x-api-key': 'of nobody' }])
        expect((await post(key, body, headers)).status).toBe(200);
      const byHeader = await edge.fetch('/v1/completions', {
        method: 'POST',
        body,
        headers: { 'x-api-key': key },
      });
      expect(byHeader.status).toBe(200);
      const { claims, headers } = posts().at(-1)!;
      expect(claims).toMatchObject({
        tenant: 'team',
        scopes: ['generate', 'admin'],
        weight: 3,
        region: 'eu',
      });
      expect([headers.get('authorization'), headers.get('x-api-key')]).toEqual([null, null]);
    });

    it('is refused if its key may not use the model, or names none', async () => {
      const key = await edge.createKey({ name: 'one-model', models: ['nano'] });
      expect((await post(key)).status).toBe(200);
      const other = await errorOf(await post(key, '{"model":"big","prompt":"hi"}'));
      expect(other).toMatchObject({ status: 403, code: 'model_not_allowed', param: 'model' });
      expect(other.message).toBe(
        "The key 'one-model' may not use the model of this request. Its models: nano.",
      );
      expect((await errorOf(await post(key, '{"prompt":"hi"}'))).message).toContain('must name a model');
      expect((await edge.fetch('/v1/models', { key })).status).toBe(200);
    });

    it('is refused if its key has no scope', async () => {
      const key = await edge.createKey({ name: 'idle', scopes: [] });
      expect(await errorOf(await post(key))).toMatchObject({ status: 403, code: 'insufficient_permissions' });
    });

    it('may be compressed, and its model is still checked', async () => {
      const key = await edge.createKey({ name: 'zipper', models: ['nano'] });
      const zipped = async (text: string) =>
        await new Response(
          new Blob([text]).stream().pipeThrough(new CompressionStream('gzip')),
        ).arrayBuffer();
      const send = async (text: string, encoding: string) =>
        await edge.fetch('/v1/completions', {
          ...{ method: 'POST', key, body: await zipped(text), headers: { 'content-encoding': encoding } },
        });
      expect((await send(body, 'gzip')).status).toBe(200);
      expect(posts().at(-1)!.own).toBe(body);
      expect(posts().at(-1)!.headers.has('content-encoding')).toBe(false);
      expect((await send('{"model":"big"}', 'gzip')).status).toBe(403);
      expect((await send(body, 'br')).status).toBe(415);
      expect(await errorOf(await send(body, 'deflate'))).toMatchObject({
        status: 400,
        code: 'invalid_content_encoding',
      });
    });

    it('says nothing of the page that it comes from, and has headers of at most 12 KiB', async () => {
      const key = await edge.createKey({ name: 'page' });
      const page = {
        origin: 'https://a.example',
        'sec-fetch-site': 'cross-site',
        referer: 'https://a.example/',
      };
      expect((await post(key, body, page)).status).toBe(200);
      const { headers } = posts().at(-1)!;
      expect(Object.keys(page).filter((name) => headers.has(name))).toEqual([]);
      const large = await errorOf(await post(key, body, { 'x-note': 'n'.repeat(12_500) }));
      expect(large).toMatchObject({ status: 431, code: 'headers_too_large' });
    });

    it('of a page gets no leave to be read, because this edge has no origins for CORS', async () => {
      const key = await edge.createKey({ name: 'script' });
      const origin = 'https://a.example';
      const asked = { origin, 'access-control-request-method': 'POST' };
      const preflight = await edge.fetch('/v1/completions', { method: 'OPTIONS', headers: asked });
      expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([401, null]);
      const answer = await post(key, body, { origin });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, null]);
    });

    it('cannot reach what the gateway remembers for the edge', async () => {
      const key = await edge.createKey({ name: 'curious' });
      expect((await edge.fetch(`/v1/usage/${'0'.repeat(32)}`, { key })).status).toBe(404);
    });
  });

  describe('a key', () => {
    it('is shown once, and listed without secret or hash', async () => {
      const { status, body: made } = await edge.admin('POST', '/keys', {
        name: 'shown',
        rpm: 60,
        budget: 1_000_000,
      });
      expect(status).toBe(201);
      expect(made.key).toMatch(/^eg-[\w-]{43}$/);
      const { key, ...rest } = made;
      expect(rest).toEqual({
        ...{ name: 'shown', shown: key.slice(0, 6), scopes: ['generate'], models: null, regions: null },
        ...{
          rpm: 60,
          tpm: null,
          concurrency: null,
          budget: 1_000_000,
          weight: null,
          expires: null,
          disabled: false,
        },
        ...{ created: expect.stringMatching(/^20..-/), previous_until: null },
      });
      expect((await edge.admin('GET', '/keys/shown')).body).toEqual(rest);
      const { keys } = (await edge.admin('GET', '/keys')).body;
      expect(keys).toContainEqual(rest);
      expect(JSON.stringify(keys)).not.toMatch(/hash|sha256|"key":/);
    });

    it('that is rotated without a grace is refused at once', async () => {
      const first = await edge.createKey({ name: 'exchanged' });
      const { body: turned } = await edge.admin('POST', '/keys/exchanged/rotate', { grace_seconds: 60 });
      expect([(await post(first)).status, (await post(turned.key)).status]).toEqual([200, 200]);
      const { body: again } = await edge.admin('POST', '/keys/exchanged/rotate', { grace_seconds: 0 });
      expect([(await post(turned.key)).status, (await post(again.key)).status]).toEqual([401, 200]);
    });

    it('is refused while it is disabled, and after it has expired', async () => {
      const key = await edge.createKey({ name: 'paused' });
      expect((await edge.admin('PATCH', '/keys/paused', { disabled: true })).body.disabled).toBe(true);
      expect((await errorOf(await post(key))).message).toContain("'paused' is disabled");
      await edge.admin('PATCH', '/keys/paused', { disabled: false });
      expect((await post(key)).status).toBe(200);
      await edge.admin('PATCH', '/keys/paused', { expires: '2026-01-31T12:00:00Z' });
      expect((await errorOf(await post(key))).message).toContain('expired at 2026-01-31T12:00:00.000Z');
      await edge.admin('PATCH', '/keys/paused', { expires: null });
      expect((await post(key)).status).toBe(200);
    });

    it('can be imported by its hash', async () => {
      const secret = `eg-${'q'.repeat(43)}`;
      const hash = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(secret))).toString('hex');
      const { status, body: made } = await edge.admin('POST', '/keys', {
        name: 'old',
        sha256: hash,
        tpm: 5_000,
      });
      expect([status, made.key, made.shown]).toEqual([201, undefined, '']);
      expect((await post(secret)).status).toBe(200);
      expect((await edge.admin('POST', '/keys', { name: 'twin', sha256: hash })).status).toBe(409);
    });
  });

  describe("the operators' API", () => {
    it('needs the secret of operators; a key is not enough', async () => {
      const key = await edge.createKey({ name: 'admin-scope', scopes: ['generate', 'admin'] });
      for (const given of [undefined, key, `${ADMIN}x`, ADMIN.slice(1)]) {
        const answer = await edge.fetch('/admin/keys', given === undefined ? {} : { key: given });
        expect(await errorOf(answer)).toMatchObject({ status: 401, code: 'invalid_admin_secret' });
      }
    });

    it.each([
      [{ name: 'x', rpm: 0 }, 'rpm'],
      [{ name: 'x', colour: 'red' }, undefined],
      [{ name: 'has space' }, 'name'],
      [{}, 'name'],
      [{ name: 'x', models: [] }, 'models'],
      [{ name: 'x', scopes: ['root'] }, 'scopes.0'],
      [{ name: 'x', expires: 'soon' }, 'expires'],
      [{ name: "x'; DROP TABLE keys; --" }, 'name'],
      [[], undefined],
    ])('refuses %j and names the field', async (fields, param) => {
      const { status, body: refusal } = await edge.admin('POST', '/keys', fields);
      expect([status, refusal.error.param]).toEqual([400, param ?? null]);
    });

    it('says that a name is taken or unknown, and that a body is no JSON or too large', async () => {
      await edge.createKey({ name: 'taken' });
      expect((await edge.admin('POST', '/keys', { name: 'taken' })).body.error.code).toBe('key_exists');
      for (const [method, path] of [
        ['GET', '/keys/nobody'],
        ['PATCH', '/keys/nobody'],
        ['POST', '/keys/nobody/rotate'],
      ] as const) {
        const { status, body: refusal } = await edge.admin(method, path, method === 'GET' ? undefined : {});
        expect([status, refusal.error.code]).toEqual([404, 'key_not_found']);
      }
      const send = (text: string) => edge.fetch('/admin/keys', { method: 'POST', key: ADMIN, body: text });
      expect((await errorOf(await send('{'))).code).toBe('invalid_json');
      expect((await errorOf(await send(`"${'x'.repeat(70_000)}"`))).status).toBe(413);
    });
  });
}
