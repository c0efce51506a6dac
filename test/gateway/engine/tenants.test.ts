// Tenants of requests in one engine: how they share its places, its queue and its steps.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { GenerationPart } from '../../../gateway/engine/messages.ts';
import { type BeforeRun, collect, openCountingEngine } from '../../support/engines/counting-engine.ts';

/** Each row takes a millisecond in both layers together. All other costs are small compared to that. */
const dear: BeforeRun = async (_layer, _x, asks) => {
  const until = performance.now() + 0.25 * asks.length;
  while (performance.now() < until);
};

const counted = (length: number) => Array.from({ length }, (_, i) => (4 + i) % 50);

describe('tenants of requests', () => {
  it('each get places even if one tenant has taken all, and the answers stay the same', async () => {
    const { generate, engine } = await openCountingEngine({ maxSequences: 4, before: dear });
    const ended: string[] = [];
    const answers = Array.from({ length: 12 }, async () => {
      const { ids } = await collect(generate({ tenant: 'many', maxTokens: 60 }));
      ended.push('many');
      return ids;
    });
    await delay(5);
    const few = await collect(generate({ tenant: 'few', maxTokens: 5 }));
    expect(few.ids).toEqual(counted(5));
    expect(ended).toEqual([]);
    for (const ids of await Promise.all(answers)) expect(ids).toEqual(counted(60));
    expect((await engine.status()).counters.preempted_sequences).toBe(1);
  });

  it('generate at the speed of their share, so a single stream is faster than each of many', async () => {
    const { generate } = await openCountingEngine({ before: dear, context: 100 });
    const leaving = new AbortController();
    let rows = 0;
    const many = Array.from({ length: 30 }, async () => {
      while (!leaving.signal.aborted) {
        for await (const { type } of generate({ tenant: 'many', maxTokens: 90 }, leaving.signal)) {
          if (type === 'token') rows++;
        }
      }
    });
    await delay(50);
    await collect(generate({ tenant: 'few', maxTokens: 15 })); // the engine learns what steps cost
    const before = rows;
    await collect(generate({ tenant: 'few', maxTokens: 40 }));
    const beside = rows - before;
    leaving.abort();
    await Promise.all(many);
    // 'few' computes 40 rows in half of the time, so 'many' computes about 40 rows, not 40 for each of its 30 sequences.
    expect(beside).toBeLessThan(30 * 40 * 0.4);
    expect(beside).toBeGreaterThan(10);
  });

  it('never fill the queue for other tenants', async () => {
    const { generate } = await openCountingEngine({ maxSequences: 1, maxWaiting: 8, before: dear });
    const many = Array.from({ length: 12 }, () => collect(generate({ tenant: 'many', maxTokens: 20 })));
    const few = Array.from({ length: 3 }, () => collect(generate({ tenant: 'few' })));
    const ends = await Promise.all(many);
    const refused = ends.flatMap(({ last }) => (last.type === 'error' ? [last.error] : []));
    expect(refused.length).toBeGreaterThanOrEqual(7);
    expect(refused[0]).toMatchObject({
      code: 'queue_full',
      message: expect.stringContaining('of this key are waiting already'),
    });
    expect((await Promise.all(few)).map(({ last }) => last.type)).toEqual(['finish', 'finish', 'error']);
  });

  it('learn from the first part of an answer how long the request waited and how long its prompt took', async () => {
    const { generate } = await openCountingEngine({ maxSequences: 1, before: dear });
    const first = collect(generate({ maxTokens: 30 }));
    const parts: GenerationPart[] = [];
    for await (const part of generate({ maxTokens: 2 })) parts.push(part);
    await first;
    const [told, ...rest] = parts.map((part) => ('began' in part ? part.began : undefined));
    expect(told!.queuedMs).toBeGreaterThan(told!.prefillMs);
    expect(told!.prefillMs).toBeGreaterThan(0);
    expect(rest).toEqual([undefined, undefined]);
    const scored = await collect(generate({ maxTokens: 0 }));
    expect(scored.last).toMatchObject({ type: 'finish', began: { prefillMs: expect.any(Number) } });
  });
});
