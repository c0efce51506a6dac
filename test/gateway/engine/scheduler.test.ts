import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admits, type Progress, planStep } from '../../../gateway/engine/scheduler.ts';

const decoding = (sequence: number, length: number): Progress => ({
  sequence,
  promptLength: length - 1,
  length,
  computed: length - 1,
});
const waiting = (sequence: number, promptLength: number): Progress => ({
  sequence,
  promptLength,
  length: promptLength,
  computed: 0,
});

describe('planning a step', () => {
  it('gives every decoding sequence one row, and prompts what the budget leaves', () => {
    const spans = planStep([decoding(1, 10), waiting(2, 7), decoding(3, 5)], {
      prefillRows: 4,
      minPrefillRows: 2,
    });
    expect(spans).toEqual([
      { sequence: 1, start: 9, count: 1 },
      { sequence: 2, start: 0, count: 4 },
      { sequence: 3, start: 4, count: 1 },
    ]);
  });

  it('never leaves one prompt row alone where two are the least', () => {
    expect(planStep([waiting(1, 5)], { prefillRows: 4, minPrefillRows: 2 })).toEqual([
      { sequence: 1, start: 0, count: 3 },
    ]);
  });

  it('computes a prompt of one token singly', () => {
    expect(planStep([waiting(1, 1)], { prefillRows: 4, minPrefillRows: 2 })).toEqual([
      { sequence: 1, start: 0, count: 1 },
    ]);
  });

  it('computes a short prompt at once though a long one came before it', () => {
    expect(planStep([waiting(1, 8_000), waiting(2, 100)], { prefillRows: 256, minPrefillRows: 2 })).toEqual([
      { sequence: 1, start: 0, count: 156 },
      { sequence: 2, start: 0, count: 100 },
    ]);
  });

  it('gets on with the oldest prompt though shorter ones keep coming', () => {
    const spans = planStep([waiting(1, 8_000), waiting(2, 300), waiting(3, 200)], {
      prefillRows: 256,
      minPrefillRows: 2,
    });
    expect(spans).toEqual([
      { sequence: 1, start: 0, count: 64 },
      { sequence: 3, start: 0, count: 192 },
    ]);
  });

  it('computes every position once, in order, in chunks that are never too short, and always gets on', () => {
    const draw = fc.record({
      prompts: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
      least: fc.integer({ min: 1, max: 4 }),
      extra: fc.nat(20),
    });
    fc.assert(
      fc.property(draw, ({ prompts, least, extra }) => {
        const limits = { prefillRows: 2 * least + extra, minPrefillRows: least };
        const running = prompts.map((promptLength, sequence) => waiting(sequence, promptLength));
        for (let step = 0; running.some(({ computed, promptLength }) => computed < promptLength); step++) {
          expect(step).toBeLessThan(500);
          const spans = planStep(running, limits);
          const prefill = spans.filter(({ sequence, start }) => start < running[sequence]!.promptLength);
          expect(prefill.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(limits.prefillRows);
          expect(prefill.length).toBeGreaterThan(0);
          for (const { sequence, start, count } of spans) {
            const state = running[sequence]!;
            expect(start).toBe(state.computed);
            if (start < state.promptLength)
              expect(count).toBeGreaterThanOrEqual(Math.min(least, state.promptLength));
            else expect(count).toBe(1);
            state.computed += count;
            expect(state.computed).toBeLessThanOrEqual(state.length);
            if (state.computed === state.length) state.length++; // a token was sampled
          }
        }
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});

describe('admission', () => {
  const now = { running: 1, maxSequences: 2, reserved: 60, kvMemory: 100 };

  it('counts what a sequence may grow to', () => {
    expect(admits(40, now)).toBe(true);
    expect(admits(41, now)).toBe(false);
  });

  it('bounds the number of sequences', () => {
    expect(admits(1, { ...now, running: 2 })).toBe(false);
  });
});
