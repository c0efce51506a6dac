// API keys of the edge on Node.
import { describe, expect, it, vi } from 'vitest';
import { openEdge } from './edge-with-accounts.ts';
import { keyCases } from './keys.cases.ts';

describe('on Node', () => keyCases(openEdge));

describe('a key', () => {
  it('that is rotated is valid beside its successor during the grace, and not after it', async () => {
    const edge = await openEdge();
    const post = (key: string) =>
      edge.fetch('/v1/completions', {
        method: 'POST',
        key,
        body: '{"model":"nano","prompt":"hi","max_tokens":4}',
      });
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const first = await edge.createKey({ name: 'turning' });
      const { body: turned } = await edge.admin('POST', '/keys/turning/rotate', { grace_seconds: 60 });
      const statuses = async () => [(await post(first)).status, (await post(turned.key)).status];
      expect(await statuses()).toEqual([200, 200]);
      vi.setSystemTime(Date.now() + 59_000);
      expect(await statuses()).toEqual([200, 200]);
      vi.setSystemTime(Date.now() + 12_000); // a key is cached for 10 s
      expect(await statuses()).toEqual([401, 200]);
      const { body: again } = await edge.admin('POST', '/keys/turning/rotate', { grace_seconds: 0 });
      expect([(await post(turned.key)).status, (await post(again.key)).status]).toEqual([401, 200]);
    } finally {
      vi.useRealTimers();
    }
  });
});

it('answers 503, and no 401, if the database does not answer', async () => {
  const broken = await openEdge();
  const key = await broken.createKey({ name: 'any' });
  broken.database.close();
  const answer = await broken.fetch('/v1/models', { key });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect(broken.logged.map(({ code }) => code)).toContain('accounts_unavailable');
});
