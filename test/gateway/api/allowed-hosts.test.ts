// Which names the header `Host` may contain, and which requests are accepted from scripts and pages of other sites.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAllowedHost } from '../../../gateway/api/allowed-hosts.ts';
import { JSON_TYPE, MODEL, type Room, startRoom } from './harness.ts';

const own = [
  'localhost',
  'x',
  'gateway-1:8080',
  'localhost:8080',
  'LocalHost.:80',
  'a.b.localhost',
  '127.0.0.1:8080',
  '127.9.9.9',
];
const local = [...own, '[::1]', '[::1]:8080'];
const foreign = ['evil.example', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1.evil.example'];
const odd = [
  'not.localhost.x',
  '127.1.evil',
  'localhost@evil.example',
  '%6c',
  '.',
  '',
  ':8080',
  '[::1].evil.example',
  '127.0.0.1@evil.example',
];
const addresses = ['10.0.0.7:8080', '192.168.1.5', '[fd00::7]:8080'];

describe('isAllowedHost', () => {
  test.each(local)('allows %j, a name of this machine, for every listener', (host) => {
    expect(isAllowedHost(host, { loopback: true })).toBe(true);
    expect(isAllowedHost(host, { loopback: true, allowed: ['x.example'] })).toBe(true);
    expect(isAllowedHost(host, { loopback: false, allowed: ['x.example'] })).toBe(true);
  });

  test.each([...foreign, ...odd, ...addresses])('refuses %j on loopback', (host) => {
    expect(isAllowedHost(host, { loopback: true })).toBe(false);
  });

  test.each([...foreign, ...addresses])('allows %j outside loopback if --allowed-hosts is absent', (host) => {
    expect(isAllowedHost(host, { loopback: false })).toBe(true);
  });

  test.each(addresses)(
    'allows the address %j outside loopback with any --allowed-hosts, because probes use addresses',
    (host) => {
      expect(isAllowedHost(host, { loopback: false, allowed: ['x.example'] })).toBe(true);
    },
  );

  test.each([
    ['gateway.example:8080', ['gateway.example'], true],
    ['a.gateway.example', ['gateway.example'], false],
    ['a.gateway.example', ['x', '*.gateway.example'], true],
    ['gateway.example', ['*.gateway.example'], false],
    ['evilgateway.example', ['*.gateway.example'], false],
    ['evil.example', ['*'], true],
    ['10.0.0.7:8080', ['10.0.0.7'], true],
  ])('whether the Host %j is allowed by --allowed-hosts %j: %j', (host, allowed, expected) => {
    expect(isAllowedHost(host, { loopback: true, allowed })).toBe(expected);
  });
});

describe('a listener on loopback', () => {
  let room: Room;
  beforeAll(async () => {
    const hosts = { loopback: true, allowed: ['ours.example'] };
    room = await startRoom({ once: true, api: { hosts, corsOrigins: ['https://page.example'] } });
  });
  afterAll(() => room.server.close(0));

  async function ask(path: string, headers: Record<string, string>, method = 'GET', body = '') {
    const asked = request(room.url + path, { method, headers, agent: false });
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    let text = '';
    for await (const piece of answer.setEncoding('utf8')) text += piece;
    return { status: answer.statusCode, text, headers: answer.headers };
  }
  const completion = JSON.stringify({ model: MODEL, prompt: 'hello' });

  test.each(['/v1/models', '/console', '/metrics', '/peer', '/health', '/docs', '/no/such/path'])(
    'refuses GET %s if Host has another name, and names the flag',
    async (path) => {
      const { status, text } = await ask(path, { host: 'evil.example:8080' });
      expect([status, JSON.parse(text).error.code]).toEqual([403, 'host_not_allowed']);
      expect(text).toContain('--allowed-hosts evil.example.');
      expect((await ask(path, { host: 'ours.example:1' })).status).not.toBe(403);
    },
  );

  test('refuses a completion and a preflight if Host has another name, before any work', async () => {
    const headers = { host: 'evil.example', ...JSON_TYPE, origin: 'http://evil.example' };
    expect((await ask('/v1/completions', headers, 'POST', completion)).status).toBe(403);
    expect((await ask('/v1/completions', headers, 'OPTIONS')).status).toBe(403);
    const { text } = await ask('/v1/messages', headers, 'POST', completion);
    expect(JSON.parse(text)).toMatchObject({ type: 'error', error: { type: 'permission_error' } });
    expect(room.engine.requests).toHaveLength(0);
  });

  const page = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
  test.each([
    ['a script of another site', { ...page, origin: 'https://evil.example' }, 403],
    ['an image of another site', { ...page, 'sec-fetch-mode': 'no-cors' }, 403],
    ['a script that --cors-origin allows', { ...page, origin: 'https://page.example' }, 200],
    ['a link of another site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
    ['a page of this server', { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, 200],
    ['an address that was typed', { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, 200],
    ['a client that is not a browser', {}, 200],
  ])('answers %s (%j) with %i', async (_what, headers, expected) => {
    const { status, text } = await ask('/metrics', headers);
    expect(status).toBe(expected);
    if (expected === 403) expect(text).toContain('--cors-origin');
  });
});
