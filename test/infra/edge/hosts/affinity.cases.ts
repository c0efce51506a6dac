// Which gateway a session prefers. The same cases run on Node and in the Worker.
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../support/process.ts';
import { answerWithUsage } from '../accounts/edge-with-accounts.ts';
import { type Front, type OpenFront, onPost, openFront } from './front.ts';

/** So many sessions reach more than one of three gateways, except once in 177,147 runs. */
const SESSIONS = Array.from({ length: 12 }, (_, i) => `session ${i}`);

/** Decides which gateway is preferred if it begins a prompt. Longer than the 512 characters that count. */
const beginning = (name: string) => `${name} `.repeat(100);

/** Requests whose prompt is `text` in each API. */
const apis: Record<string, (text: string) => object> = {
  '/v1/completions': (prompt) => ({ prompt }),
  '/v1/chat/completions': (content) => ({ prompt: undefined, messages: [{ role: 'user', content }] }),
  '/v1/messages': (content) => ({ prompt: undefined, messages: [{ role: 'user', content }] }),
  '/v1/responses': (input) => ({ prompt: undefined, input }),
};

export function affinityCases(open: OpenFront): void {
  let front: Front;
  beforeAll(async () => {
    front = await openFront(open, { regions: [{ name: 'eu' }], gatewaysEach: 3 });
  });

  /** Sends two requests for each session, and expects that both reach one gateway, and that the sessions share the gateways. */
  async function expectKept(requestOf: (session: string, turn: number) => Parameters<Front['post']>[0]) {
    const chosen = new Set();
    for (const session of SESSIONS) {
      for (const turn of [1, 2]) expect((await front.post(requestOf(session, turn))).status).toBe(200);
      const served = front.served();
      expect([session, ...served.values()]).toEqual([session, 2]);
      chosen.add([...served.keys()][0]);
    }
    expect(chosen.size).toBeGreaterThan(1);
  }

  describe('a gateway is preferred', () => {
    it('by x-session-id, whatever else the requests contain', () =>
      expectKept((session, turn) => ({
        headers: { 'x-session-id': session },
        body: { prompt: beginning(`turn ${turn}`), prompt_cache_key: `key ${turn}` },
      })));

    it('by prompt_cache_key, whatever the prompts are', () =>
      expectKept((session, turn) => ({
        body: { prompt: beginning(`turn ${turn}`), prompt_cache_key: session },
      })));

    it.each(Object.keys(apis))('by the beginning of the prompt in %s', (path) =>
      expectKept((session, turn) => ({ path, body: apis[path]?.(`${beginning(session)}turn ${turn}`) })),
    );

    it('by the beginning of a prompt that is too long to be parsed', () =>
      expectKept((session, turn) => ({
        body: { prompt: `${beginning(session)}${'x'.repeat(70_000)} turn ${turn}` },
      })));
  });

  it('counts the requests that reached the preferred gateway', async () => {
    const kept = async () => [...(await front.states()).values()].map(({ counts }) => counts.affinity_kept);
    const before = await kept();
    for (let turn = 0; turn < 5; turn++) await front.post({ headers: { 'x-session-id': 'counted' } });
    const [[own]] = [...front.served()] as [[unknown, number]];
    const more = (await kept()).map((count, i) => count - before[i]);
    expect(more).toEqual(front.gateways.map((gateway) => (gateway === own ? 5 : 0)));
  });

  it('shares the requests of one session if its gateway has much more load than the others', async () => {
    const gate = Promise.withResolvers<void>();
    for (const gateway of front.gateways) {
      gateway.handle = onPost(async (...given) => {
        await gate.promise;
        await answerWithUsage(...given);
      });
    }
    const sent = Array.from({ length: 12 }, () => front.post({ headers: { 'x-session-id': 'hot' } }));
    await eventually(() => front.posts().length === 12);
    const loads = [...front.served().values()].sort((a, b) => b - a);
    gate.resolve();
    expect((await Promise.all(sent)).map(({ status }) => status)).toEqual(Array(12).fill(200));
    // The preferred gateway gets requests until it has 1.25 times the mean plus 2.
    expect(loads[0]).toBeGreaterThanOrEqual(3);
    expect(loads[0]).toBeLessThanOrEqual(7);
    expect(loads).toHaveLength(3);
  });
}
