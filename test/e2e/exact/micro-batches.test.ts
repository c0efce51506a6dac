import { describe, expect, it } from 'vitest';
import { answer, startTinyEngine } from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

describe('micro-batches with experts in process', () => {
  it('are not tried, because there is no hop during which another micro-batch could run', async () => {
    const { engine, close } = await startTinyEngine({ bundle: await tinyBundle({}), shards: 2 });
    const prompts = Array.from({ length: 16 }, (_, n) => Int32Array.of(n, 2 * n, 3 * n));
    await Promise.all(
      prompts.map((prompt, seed) => answer(engine, { prompt, maxTokens: 60, temperature: 1, seed })),
    );
    const { steps, micro_batches } = (await engine.status()).counters;
    expect(steps).toBeGreaterThanOrEqual(60);
    expect(micro_batches).toBe(steps);
    await close();
  });
});
