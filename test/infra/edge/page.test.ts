// The operators' page of the edge, and what it shows.
import { expect, it } from 'vitest';
import { ADMIN, openEdge } from './accounts/edge-with-accounts.ts';

it('is served with a policy that allows only its own script and style', async () => {
  const edge = await openEdge();
  const [first, second] = [await edge.fetch('/edge'), await edge.fetch('/edge')];
  expect(first.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const html = await first.text();
  const [, nonce = ''] =
    /script-src 'nonce-([\w-]+)'/.exec(first.headers.get('content-security-policy') ?? '') ?? [];
  expect(nonce).toHaveLength(22);
  for (const tag of ['script', 'style']) expect(html).toContain(`<${tag} nonce="${nonce}">`);
  expect(html).not.toContain('NONCE');
  expect(await second.text()).not.toContain(nonce);
  expect(html).not.toMatch(/ on\w+="|style="|https?:\/\//);
});

it('shows gateways with their counts, and keys with the use of the month, to operators only', async () => {
  const edge = await openEdge();
  const key = await edge.createKey({ name: 'team', rpm: 60, budget: 1_000 });
  await edge.createKey({ name: 'old', expires: '2026-01-01T00:00:00Z' });
  const headers = { 'x-session-id': 's' };
  await edge.fetch('/v1/completions', {
    method: 'POST',
    key,
    headers,
    body: '{"model":"nano","max_tokens":4}',
  });
  await edge.settled();
  const { body: status } = await edge.admin('GET', '/status');
  expect(status.regions).toEqual([
    {
      ...{ name: 'eu', place: null, weight: 1 },
      gateways: [
        {
          ...{ url: edge.gateway.url, healthy: true, open: 0, round_trip_ms: expect.any(Number) },
          counts: expect.objectContaining({ requests: 1, affinity_kept: 1, affinity_lost: 0, spills: 0 }),
        },
      ],
    },
  ]);
  expect(status.keys).toEqual([
    expect.objectContaining({ name: 'old', state: 'expired' }),
    {
      ...{ name: 'team', shown: key.slice(0, 6), budget: 1_000, state: 'enabled', limits: '60 requests/min' },
      month: { requests: 1, prompt_tokens: 3, generated_tokens: 4, tokens: 7, estimated: 0 },
    },
  ]);
  expect((await edge.fetch('/admin/status', { key })).status).toBe(401);
  expect((await edge.fetch('/admin/status', { key: ADMIN })).status).toBe(200);
});

it('is found without the slash at the end, after which its relative paths would be wrong', async () => {
  const edge = await openEdge();
  const answer = await edge.fetch('/edge/', { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([308, '../edge']);
});

it('is absent without a secret of operators', async () => {
  const edge = await openEdge({ accounts: undefined });
  expect((await edge.fetch('/edge')).status).toBe(404);
  expect((await edge.fetch('/admin/keys')).status).toBe(404);
});
