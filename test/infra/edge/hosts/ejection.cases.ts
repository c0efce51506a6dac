// A gateway that fails gets no requests for a time, and returns with one trial. The same cases run on Node and in the Worker.
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../support/process.ts';
import { answerWithUsage, errorOf } from '../accounts/edge-with-accounts.ts';
import type { Handle, StandIn } from '../stand-in.ts';
import { answerWith, type Front, loseConnection, type OpenFront, onPost, openFront } from './front.ts';

/** The clock of a Worker has whole milliseconds. */
const CLOCK_MS = 2;

const failures: readonly [string, Handle][] = [
  ['a lost connection', loseConnection],
  ['a 503', answerWith(503)],
];

export function ejectionCases(open: OpenFront): void {
  let front: Front;
  beforeAll(async () => {
    front = await openFront(open, { regions: [{ name: 'eu' }], gatewaysEach: 3 });
  });

  const post = () => front.post({ headers: { 'x-session-id': 'one' } });
  const status = async () => (await post()).status;

  /** The gateway that the session prefers. */
  async function preferred(): Promise<StandIn> {
    front.served();
    expect(await status()).toBe(200);
    const [own] = [...front.served().keys()] as [StandIn];
    return own;
  }

  /** Makes the gateway answer its next requests with `handles`, one each. Returns the times of these requests. */
  function script(gateway: StandIn, handles: readonly Handle[]): number[] {
    const times: number[] = [];
    gateway.handle = onPost((...given) => {
      times.push(performance.now());
      return (handles[times.length - 1] ?? answerWithUsage)(...given);
    });
    return times;
  }

  /** Sends requests, which all succeed, until the gateway has got `count` of them. */
  async function postUntil(times: readonly number[], count: number): Promise<void> {
    await eventually(async () => {
      expect(await status()).toBe(200);
      return times.length >= count;
    });
  }

  it.each(failures)('%s ejects a gateway until one trial has succeeded', async (_, failure) => {
    const own = await preferred();
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const times = script(own, [
      failure,
      async (...given) => {
        begun.resolve();
        await gate.promise;
        await answerWithUsage(...given);
      },
    ]);
    await postUntil(times, 1);
    const trial = await eventually(async () => {
      const answer = post();
      await Promise.race([answer, begun.promise]);
      return times.length === 2 && { answer };
    });
    const [failedAt, triedAt] = times as [number, number];
    expect(triedAt - failedAt).toBeGreaterThanOrEqual(500 - CLOCK_MS);
    const during = await Promise.all(Array.from({ length: 4 }, status));
    expect([during, times.length]).toEqual([[200, 200, 200, 200], 2]);
    gate.resolve();
    expect((await trial.answer).status).toBe(200);
    expect([await status(), times.length]).toEqual([200, 3]);
  });

  it('a trial that fails ejects the gateway for twice the time', async () => {
    const own = await preferred();
    const times = script(own, [loseConnection, loseConnection]);
    await postUntil(times, 3);
    const [first, second, third] = times as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(500 - CLOCK_MS);
    expect(third - second).toBeGreaterThanOrEqual(1_000 - CLOCK_MS);
  });

  it('a gateway that does not listen is ejected, and returns when it listens again', async () => {
    const own = await preferred();
    await own.stop();
    expect(await status()).toBe(200);
    await own.restart();
    const times = script(own, []);
    await postUntil(times, 1);
    expect((await front.states()).get(own).healthy).toBe(true);
  });

  it.each([400, 404, 429, 500])('an answer of %d ejects nothing', async (code) => {
    const own = await preferred();
    script(own, [answerWith(code)]);
    expect([await status(), await status()]).toEqual([code, 200]);
    expect(front.served().get(own)).toBe(2);
  });

  describe('if no gateway is healthy', () => {
    it('the edge asks one anyway, so that the first one that is back serves at once', async () => {
      for (const gateway of front.gateways) gateway.handle = loseConnection;
      expect(await errorOf(await post())).toMatchObject({ status: 502, code: 'gateway_unreachable' });
      for (const gateway of front.gateways) gateway.handle = answerWithUsage;
      expect(await status()).toBe(200);
    });
  });
}
