// The rows that a long prompt gets beside decoding sequences, in simulated time: no machine's noise decides this test.
import { describe, expect, it } from 'vitest';
import { StepCosts } from '../../../../gateway/engine/scheduling/step-costs.ts';
import { uniform } from '../../../support/random.ts';

const [STREAMS, PROMPT, CHUNK] = [8, 2_000, 256];
/** Milliseconds of a step of the streams alone, and of a prefill row in a step without decode rows. */
const [PLAIN_MS, ROW_MS] = [1, 0.08];
/** A step takes up to this share more or less. */
const NOISE = 0.05;

interface Setting {
  /** Cost of a prefill row beside decode rows, as a multiple of a row alone. */
  beside: number;
  /** Cost of a row at the end of the prompt, as a multiple of one at its start, because it attends to more positions. */
  growth?: number;
  seed: number;
}

/**
 * A prompt arrives on an engine that has computed the same prompt alone and decoded for a while. Returns the longest step as a multiple of the longest one without the prompt, and the time to
 * first token as a multiple of the time alone.
 */
function arrive({ beside, growth = 1.3, seed }: Setting): { gap: number; first: number } {
  const random = uniform(seed);
  const noisy = (ms: number) => ms * (1 - NOISE + 2 * NOISE * random());
  const rowMs = (at: number) => ROW_MS * (1 + ((growth - 1) * at) / PROMPT);
  const meanOf = (at: number, rows: number) => at + (rows - 1) / 2;
  const costs = new StepCosts();
  let aloneMs = 0;
  for (let at = 0; at < PROMPT; at += CHUNK) {
    const promptRows = Math.min(CHUNK, PROMPT - at);
    const position = meanOf(at, promptRows);
    const ms = noisy(promptRows * rowMs(position));
    aloneMs += ms;
    costs.learn({ decoding: 0, promptRows, position, drafts: 0, ms, idleMs: 0 });
  }
  for (let step = 0; step < 200; step++) {
    costs.learn({ decoding: STREAMS, promptRows: 0, position: 0, drafts: 0, ms: noisy(PLAIN_MS), idleMs: 0 });
  }
  const steps: number[] = [];
  for (let at = 0; at < PROMPT; ) {
    const promptRows = Math.min(PROMPT - at, costs.promptRows(STREAMS, costs.evenShare, at) ?? 0);
    if (promptRows === 0) throw new Error('the prompt gets no rows');
    const position = meanOf(at, promptRows);
    const ms = noisy(PLAIN_MS + promptRows * rowMs(position) * beside);
    costs.learn({ decoding: STREAMS, promptRows, position, drafts: 0, ms, idleMs: 0 });
    steps.push(ms);
    at += promptRows;
  }
  const sum = steps.reduce((total, ms) => total + ms, 0);
  return { gap: Math.max(...steps) / ((1 + NOISE) * PLAIN_MS), first: sum / aloneMs };
}

describe('a long prompt that arrives among decoding sequences, with an even share', () => {
  it.each([
    [1, 1.3],
    [1.1, 1.3],
    [1, 4.4],
    [1.1, 4.4],
  ])(
    'makes every gap at most 2.7 times as long, and waits for its first token at most 2.5 times as long, if a row costs %d times as much beside decode rows and %d times as much at the end of the prompt',
    (beside, growth) => {
      for (let seed = 1; seed <= 50; seed++) {
        const { gap, first } = arrive({ beside, growth, seed });
        expect(gap).toBeLessThanOrEqual(2.7);
        expect(first).toBeLessThanOrEqual(2.5);
      }
    },
  );

  it('slows the streams somewhat more than the prompt, however much a row costs', () => {
    for (const beside of [1, 1.5, 2, 3]) {
      const { gap, first } = arrive({ beside, seed: 1 });
      expect(gap / first).toBeGreaterThan(1.1);
      expect(gap / first).toBeLessThan(1.5);
    }
  });

  it('is limited to four fifths of a step, and to at least 56 % of it', () => {
    for (const [beside, share] of [
      [0.2, 0.565],
      [9, 0.796],
    ] as const) {
      const costs = new StepCosts();
      for (let step = 0; step < 100; step++) {
        costs.learn({ decoding: 0, promptRows: 256, position: 0, drafts: 0, ms: 256, idleMs: 0 });
        costs.learn({ decoding: STREAMS, promptRows: 0, position: 0, drafts: 0, ms: 50, idleMs: 0 });
        costs.learn({
          decoding: STREAMS,
          promptRows: 50,
          position: 0,
          drafts: 0,
          ms: 50 + 50 * beside,
          idleMs: 0,
        });
      }
      expect(costs.evenShare).toBeCloseTo(share, 3);
    }
  });

  it('assumes a row to cost 1.5 times as much beside decode rows before that is measured', () => {
    expect(new StepCosts().evenShare).toBeCloseTo(0.661, 3);
  });
});
