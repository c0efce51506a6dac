// GET /console and its files: types, caching, the policy that keeps the page to itself, and what is not there.
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { beforeAll, expect, test } from 'vitest';
import { openRoom, type Room, startRoom } from './harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom();
  return () => room.server.close(0);
});

test.each([
  ['/console', 'text/html; charset=utf-8'],
  ['/console/main.js', 'text/javascript; charset=utf-8'],
  ['/console/theme.css', 'text/css; charset=utf-8'],
  ['/console/icon.svg', 'image/svg+xml'],
])('%s is %s, with a policy that allows nothing from elsewhere and nothing inline', async (path, type) => {
  const response = await fetch(room.url + path);
  expect(response.status).toBe(200);
  expect((await response.text()).length).toBeGreaterThan(100);
  expect(response.headers.get('content-type')).toBe(type);
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('cache-control')).toBe('no-cache');
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy.split('; ')).toEqual(
    expect.arrayContaining(["default-src 'self'", "frame-ancestors 'none'"]),
  );
  expect(policy).not.toContain('unsafe');
});

test('every file that the page names is there', async () => {
  const page = await (await fetch(`${room.url}/console`)).text();
  const names = [...page.matchAll(/(?:src|href)="(console\/[^"]+)"/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(6);
  for (const name of new Set(names))
    expect([name, (await fetch(`${room.url}/${name}`)).status]).toEqual([name, 200]);
});

test('a file that has not changed is not sent again', async () => {
  const url = `${room.url}/console/main.js`;
  const etag = (await fetch(url)).headers.get('etag') ?? '';
  expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
    const again = await fetch(url, { headers: { 'if-none-match': known } });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
  }
  expect((await fetch(url, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
});

test('a slash behind the page leads to the page, whatever is in front of it', async () => {
  const response = await fetch(`${room.url}/console/`, { redirect: 'manual' });
  expect([response.status, response.headers.get('location')]).toEqual([308, '../console']);
});

test.each([
  '/console/nothing.js',
  '/console/tsconfig.json',
  '/console/index',
  '/console/..%2fpackage.json',
  '/console/%2e%2e%2fpackage.json',
  '/console/main.js/more',
  '/console/constructor',
  '/v1/console',
])('%s is a 404 in the envelope of the API', async (path) => {
  const [status, body] = await raw(path);
  expect([status, JSON.parse(body).error.code]).toEqual([404, 'unknown_url']);
});

test('a path that climbs out of the folder gets no file', async () => {
  const [status, body] = await raw('/console/../package.json');
  expect(status).toBe(404);
  expect(body).not.toContain('dependencies');
});

test('other methods are refused, and HEAD is answered', async () => {
  const post = await fetch(`${room.url}/console`, { method: 'POST' });
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  const head = await fetch(`${room.url}/console/main.js`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

test('its requests are counted under one name', async () => {
  const { url } = await openRoom();
  await (await fetch(`${url}/console/main.js`)).text();
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(
    'expertgrid_requests_total{endpoint="/console",status="200"} 1',
  );
});

/** As sent: fetch would tidy the path up. */
function raw(path: string): Promise<[status: number | undefined, body: string]> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: room.server.port, path }, async (response) => {
      resolve([response.statusCode, await text(response)]);
    });
    sent.on('error', reject).end();
  });
}
