// GET / redirects a browser to the console, and lists the API's paths for a program. It needs no key.
import { expect, test } from 'vitest';
import { hashKey } from '../../../gateway/api/tenants/keys.ts';
import { openRoom } from './harness.ts';

const html = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

test('a browser is sent to the console', async () => {
  const { url } = await openRoom();
  const answer = await fetch(`${url}/`, { headers: html, redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([302, 'console']);
  const followed = await fetch(`${url}/`, { headers: html });
  expect([followed.status, followed.url]).toEqual([200, `${url}/console`]);
});

test('a program gets the paths of the API, and each of them answers', async () => {
  const { url } = await openRoom();
  const answer = await fetch(`${url}/`);
  expect(answer.headers.get('vary')).toContain('accept');
  const { name, ...places } = (await answer.json()) as Record<string, string>;
  expect(name).toBe('expertgrid');
  for (const place of Object.values(places)) {
    expect([place, (await fetch(new URL(place, answer.url))).status]).toEqual([place, 200]);
  }
});

test('no key is needed, and only GET is answered', async () => {
  const key = { name: 'a', sha256: hashKey('eg-a'), created: '2026-01-31T12:00:00.000Z' };
  const { url } = await openRoom({ api: { access: { keys: () => [key] } } });
  expect((await fetch(`${url}/`)).status).toBe(200);
  const posted = await fetch(`${url}/`, { method: 'POST', headers: { authorization: 'Bearer eg-a' } });
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});
