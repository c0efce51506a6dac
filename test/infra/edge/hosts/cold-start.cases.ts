// Requests while no gateway is ready, because their cells are scaled to zero. The same cases run on Node and in the Worker.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, answerWithUsage, errorOf, type Json } from '../accounts/edge-with-accounts.ts';
import { answerWith, type Front, type OpenFront, openFront } from './front.ts';

/** Seconds for which requests wait. */
const COLD_START = 4;

export function coldStartCases(open: OpenFront): void {
  let front: Front;
  /** A key that only the first region may serve. */
  let key: string;
  beforeAll(async () => {
    const regions = [{ name: 'eu' }, { name: 'us' }];
    front = await openFront(open, { regions, gatewaysEach: 1, coldStart: COLD_START });
    key = await front.createKey({ name: 'european', regions: ['eu'] });
  });
  beforeEach(async () => {
    for (const gateway of front.gateways) await gateway.stop();
  });

  const demand = async () => {
    const answer = await front.fetch('/v1/scaling', { key: ADMIN });
    return { status: answer.status, body: (await answer.json()) as Json };
  };

  it('/v1/scaling wants no region before the first request', async () => {
    expect(await demand()).toEqual({
      status: 200,
      body: {
        object: 'scaling',
        regions: ['eu', 'us'].map((region) => ({ region, wanted: 0, idle_seconds: null })),
      },
    });
  });

  it('/v1/scaling is only for operators', async () => {
    expect(await errorOf(await front.fetch('/v1/scaling'))).toMatchObject({
      status: 401,
      code: 'invalid_admin_secret',
    });
  });

  it('the edge is ready for the request that starts a cell', async () => {
    const answer = await front.fetch('/health/ready');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: 'ready', gateways: { all: 2 } });
  });

  it('a GET does not wait, and wants no region', async () => {
    const begun = performance.now();
    const { status } = await front.fetch('/v1/version', { key });
    expect([502, 503]).toContain(status);
    expect(performance.now() - begun).toBeLessThan(COLD_START * 1_000);
    const { body } = await demand();
    expect(body.regions.map(({ wanted }: Json) => wanted)).toEqual([0, 0]);
  });

  it('a POST waits until a gateway listens', async () => {
    const answer = front.post({ key });
    const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 1_000, 'waits'))]);
    expect(early).toBe('waits');
    await front.gateways[0]?.restart();
    expect((await answer).status).toBe(200);
  });

  it('a POST of a stream waits until a gateway that listens is ready', async () => {
    const [gateway] = front.gateways;
    if (gateway === undefined) throw new Error('there is no gateway');
    gateway.handle = answerWith(503);
    gateway.ready = 503;
    await gateway.restart();
    const answer = front.post({ key, path: '/v1/chat/completions', body: { messages: [] } });
    const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 1_000, 'waits'))]);
    expect(early).toBe('waits');
    gateway.handle = answerWithUsage;
    gateway.ready = 200;
    expect((await answer).status).toBe(200);
  });

  it('a POST that has waited for long enough is refused', async () => {
    const begun = performance.now();
    const answer = await front.post({ key });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(COLD_START * 1_000 - 5);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await errorOf(answer)).toMatchObject({ status: 503, code: 'no_gateway_ready' });
  });

  describe('/v1/scaling after a request', () => {
    it('wants the first region that may serve the key, and no other', async () => {
      const { body } = await demand();
      expect(body.regions).toEqual([
        { region: 'eu', wanted: 1, idle_seconds: expect.any(Number) },
        { region: 'us', wanted: 0, idle_seconds: null },
      ]);
    });
  });
}
