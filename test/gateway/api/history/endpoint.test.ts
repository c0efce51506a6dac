// GET /v1/history through HTTP: the history counts requests, also while no page shows it.
import { expect, onTestFinished, test } from 'vitest';
import { hashKey } from '../../../../gateway/api/tenants/keys.ts';
import { MODEL, openRoom } from '../harness.ts';

interface Answer {
  object: string;
  version: string;
  started: number;
  now: number;
  seconds: { step: number; start: number; series: Record<string, (number | null)[]> };
}

test('returns requests, errors and refusals per second, or only values after "since"', async () => {
  const serving = new AbortController();
  onTestFinished(() => serving.abort());
  const { url, post } = await openRoom({
    once: true,
    api: { history: { signal: serving.signal, everyMs: 20 }, version: '1.2.3' },
  });
  const ask = async (query = ''): Promise<Answer> => {
    return (await (await fetch(`${url}/v1/history${query}`)).json()) as Answer;
  };
  const first = await ask();
  expect([first.object, first.version, first.seconds.step]).toEqual(['history', '1.2.3', 1]);
  expect(first.now).toBeGreaterThanOrEqual(first.started);

  // Polls the history until the column `name` has a value above 0.
  const seen = async (name: string) => {
    for (;;) {
      const { series } = (await ask()).seconds;
      if (series[name]?.some((value) => value !== null && value > 0)) return series;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  let enough = false;
  const keepAsking = async () => {
    while (!enough) {
      await post('/v1/completions', { model: MODEL, prompt: 'x', max_tokens: 2 });
      await post('/v1/completions', { model: 'nope', prompt: 'x' });
    }
  };
  const asking = keepAsking();
  await seen('requests');
  await seen('refused');
  const series = await seen('first_token_median');
  enough = true;
  await asking;
  expect(series.errors?.every((value) => value === null || value === 0)).toBe(true);
  const { now } = await ask();
  expect((await ask(`?since=${now + 60}`)).seconds.series.requests).toEqual([]);
});

test('refuses an invalid "since" with 400 and a key without --admin with 403', async () => {
  const key = { name: 'a', created: '2026-01-31T12:00:00.000Z', sha256: hashKey('eg-a') };
  const { url } = await openRoom({ api: { access: { keys: () => [key] } } });
  const status = async (path: string, headers = {}) => (await fetch(url + path, { headers })).status;
  expect(await status('/v1/history')).toBe(401);
  expect(await status('/v1/history', { authorization: 'Bearer eg-a' })).toBe(403);
  const open = await openRoom();
  expect((await fetch(`${open.url}/v1/history?since=yesterday`)).status).toBe(400);
});
