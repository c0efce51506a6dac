// GET /console, GET /docs and their files: media types, caching, content security policies, and errors for unknown files.
import { request } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { hashKey } from '../../../../gateway/api/tenants/keys.ts';
import { openRoom, type Room, startRoom } from '../harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom();
  return () => room.server.close(0);
});

test.each([
  ['/console', 'text/html; charset=utf-8'],
  ['/console/main.js', 'text/javascript; charset=utf-8'],
  ['/console/styles/theme.css', 'text/css; charset=utf-8'],
  ['/console/icon.svg', 'image/svg+xml'],
  ['/docs', 'text/html; charset=utf-8'],
  ['/docs/swagger-ui.css', 'text/css; charset=utf-8'],
  ['/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
])('%s is %s, with a policy that forbids other origins and inline content', async (path, type) => {
  const response = await fetch(room.url + path);
  expect(response.status).toBe(200);
  expect((await response.text()).length).toBeGreaterThan(100);
  expect(response.headers.get('content-type')).toBe(type);
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('cache-control')).toBe('no-cache');
  const policy = response.headers.get('content-security-policy') ?? '';
  const [from] = policy.split('; ');
  expect(from).toBe(path.startsWith('/console') ? "default-src 'self'" : "default-src 'none'");
  expect(policy.split('; ')).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
});

test.each(['/console', '/docs'])('every file that %s refers to exists on this server', async (path) => {
  const page = await (await fetch(room.url + path)).text();
  expect(page).not.toMatch(/https?:\/\//);
  const names = [...page.matchAll(/(?:src|href)="((?:console|docs)\/[^"]+)"/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(5);
  for (const name of new Set(names))
    expect([name, (await fetch(`${room.url}/${name}`)).status]).toEqual([name, 200]);
});

test('answers 304 if the client has the file', async () => {
  const url = `${room.url}/console/main.js`;
  expect((await fetch(url)).headers.get('vary')).toBe('accept-encoding');
  const etag = (await fetch(url)).headers.get('etag') ?? '';
  expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
    const again = await fetch(url, { headers: { 'if-none-match': known } });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
  }
  expect((await fetch(url, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
});

test('a file is compressed if the client accepts gzip, and then has another ETag', async () => {
  const path = '/docs/swagger-ui-bundle.js';
  const plain = await bytes(path, 'identity');
  const packed = await bytes(path, 'br, gzip');
  expect([plain.encoding, packed.encoding]).toEqual([undefined, 'gzip']);
  expect(gunzipSync(packed.body)).toEqual(plain.body);
  expect(packed.body.length).toBeLessThan(plain.body.length / 3);
  expect(packed.etag).not.toBe(plain.etag);
  expect((await bytes(path, 'gzip;q=0')).encoding).toBeUndefined();
});

test.each([
  ['/console/', '../console'],
  ['/docs/', '../docs'],
  ['/v1/docs', '../docs'],
])('%s redirects to the page by a relative path, which works below a prefix too', async (path, place) => {
  const response = await fetch(room.url + path, { redirect: 'manual' });
  expect([response.status, response.headers.get('location')]).toEqual([308, place]);
});

test('the pages and the description need no key', async () => {
  const key = { name: 'a', created: '2026-01-31T12:00:00.000Z', sha256: hashKey('eg-a') };
  const { url } = await openRoom({ api: { access: { keys: () => [key] } } });
  for (const path of ['/console', '/console/main.js', '/docs', '/docs/swagger-ui.css', '/openapi.json'])
    expect([path, (await fetch(url + path)).status]).toEqual([path, 200]);
  expect((await fetch(`${url}/documents`)).status).toBe(401);
});

test.each([
  '/console/nothing.js',
  '/console/docs.html',
  '/docs/index.js',
  '/docs/package.json',
  '/docs/..%2f..%2fpackage.json',
  '/console/tsconfig.json',
  '/console/index',
  '/console/..%2fpackage.json',
  '/console/%2e%2e%2fpackage.json',
  '/console/main.js/more',
  '/console/watch',
  '/console/watch/',
  '/console/watch/..%2f..%2fpackage.json',
  '/console/watch/%2e%2e/%2e%2e/package.json',
  '/console/constructor',
  '/v1/console',
])('%s is a 404 with an error body of the API', async (path) => {
  const [status, body] = await raw(path);
  expect([status, JSON.parse(body).error.code]).toEqual([404, 'unknown_url']);
});

test('a path that leads out of the folder is a 404', async () => {
  const [status, body] = await raw('/console/../package.json');
  expect(status).toBe(404);
  expect(body).not.toContain('dependencies');
});

test('HEAD is answered, and other methods are a 405', async () => {
  const post = await fetch(`${room.url}/console`, { method: 'POST' });
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  const head = await fetch(`${room.url}/console/main.js`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

test('requests for all files of a page are counted as one endpoint', async () => {
  const { url } = await openRoom();
  await (await fetch(`${url}/console/main.js`)).text();
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(
    'expertgrid_requests_total{endpoint="/console",status="200"} 1',
  );
});

/** The bytes that came over the wire. `fetch` would unpack them. */
function bytes(path: string, encoding: string): Promise<{ body: Buffer; etag: unknown; encoding: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { 'accept-encoding': encoding };
    const sent = request({ host: '127.0.0.1', port: room.server.port, path, headers }, async (response) => {
      const { etag, 'content-encoding': used } = response.headers;
      resolve({ body: await buffer(response), etag, encoding: used });
    });
    sent.on('error', reject).end();
  });
}

/** Requests the path unchanged. `fetch` would normalize it. */
function raw(path: string): Promise<[status: number | undefined, body: string]> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: room.server.port, path }, async (response) => {
      resolve([response.statusCode, await text(response)]);
    });
    sent.on('error', reject).end();
  });
}
