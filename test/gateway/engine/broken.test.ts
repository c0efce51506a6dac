// What breaks one sequence leaves the others alone.
import { describe, expect, it } from 'vitest';
import {
  collect,
  countingRequest,
  openCountingEngine,
  until,
  vocab,
} from '../../support/engines/counting-engine.ts';

const failed = (message: string) => ({ type: 'error', error: { code: 'internal', message } });

describe('a fault of one sequence', () => {
  it('fails only the sequence whose sampling throws', async () => {
    const faults: unknown[] = [];
    const { engine, generate } = await openCountingEngine({ onFault: (cause) => faults.push(cause) });
    const logitBias = Array.from({ length: vocab }, (_, id) => [id, Number.NEGATIVE_INFINITY] as const);
    const sampling = { ...countingRequest({}).sampling, logitBias };
    const well = collect(generate({ maxTokens: 30 }));
    const ill = collect(generate({ sampling }));
    expect((await ill).last).toMatchObject(failed('no token has a finite logit'));
    expect((await well).ids).toHaveLength(30);
    expect(faults).toHaveLength(1);
    expect((await engine.status()).running).toBe(0);
  });

  it.each([1, 2])(
    'fails only the sequence with scores that are not finite, of %i micro-batches',
    async (microBatches) => {
      const faults: unknown[] = [];
      const opened = await openCountingEngine({ microBatches, onFault: (cause) => faults.push(cause) });
      const { dense, engine, generate } = opened;
      const ill = 9; // the id whose row overflows
      const layer = dense.layer;
      dense.layer = async (index, hidden, spans) => {
        const computed = await layer(index, hidden, spans);
        const experts = computed.scores.length / (hidden.length / 4);
        for (let row = 0; row < hidden.length / 4; row++) {
          if (index === 1 && hidden[4 * row] === ill) computed.scores[row * experts + 2] = Number.NaN;
        }
        return computed;
      };
      const well = [20, 21, 22].map((id) => collect(generate({ prompt: Int32Array.of(id), maxTokens: 20 })));
      const broken = await collect(generate({ prompt: Int32Array.of(6), maxTokens: 20 }));
      expect(broken.ids).toEqual([7, 8, 9]);
      expect(broken.last).toMatchObject(failed('layer 1: a score of the router is not finite'));
      for (const { ids, last } of await Promise.all(well)) {
        expect(ids).toHaveLength(20);
        expect(last).toMatchObject({ type: 'finish', reason: 'length' });
      }
      expect(faults).toHaveLength(1);
      await until(() => dense.sequences.size === 0);
      expect((await engine.status()).kvBytesReserved).toBe(0);
    },
  );
});

describe('KV memory for less than the context', () => {
  it('is the context of requests', async () => {
    const { engine, generate } = await openCountingEngine({ kvMemory: 63 });
    expect(engine.info.context).toBe(60); // 15 blocks of 4 positions
    const { ids } = await collect(generate({ maxTokens: 57 }));
    expect(ids).toHaveLength(57);
  });
});

describe('a preempted sequence', () => {
  it('continues while the fleet lacks experts that it may not need', async () => {
    const { dense, engine, fleet, generate } = await openCountingEngine({ kvMemory: 64 });
    const preempted = async () => (await engine.status()).counters.preempted_sequences ?? 0;
    const answers = [0, 10, 20, 30].map((id) =>
      collect(generate({ prompt: Int32Array.of(id), maxTokens: 30 })),
    );
    while ((await preempted()) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    fleet.readyFor = () => false;
    for (const { ids } of await Promise.all(answers)) expect(ids).toHaveLength(30);
    await until(() => dense.sequences.size === 0);
    // A new sequence is refused as before.
    const { last } = await collect(generate({ prompt: Int32Array.of(1), maxTokens: 2 }));
    expect(last).toMatchObject({ type: 'error', error: { code: 'shard_unavailable' } });
  });
});
