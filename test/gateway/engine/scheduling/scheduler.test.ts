import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockPool } from '../../../../gateway/engine/memory/blocks.ts';
import { type Progress, planStep } from '../../../../gateway/engine/scheduling/scheduler.ts';

interface Named extends Progress {
  name: string;
}

const none = () => ({ blocks: [], known: 0, prefix: 0 });
const roomy = () => new BlockPool({ count: 10_000, size: 4 });

const alone = { tenant: '', weight: 1, stepped: 0, held: false };

const decoding = (name: string, length: number, drafts: number[] = []): Named => {
  return { name, promptLength: length - 1, length, computed: length - 1, drafts, table: none(), ...alone };
};
const waiting = (name: string, promptLength: number): Named => {
  return { name, promptLength, length: promptLength, computed: 0, drafts: [], table: none(), ...alone };
};

function plan(running: Named[], prefillRows: number, minPrefillRows: number, pool = roomy()) {
  const { spans, preempted } = planStep(running, pool, { prefillRows, minPrefillRows });
  const rows = spans.map(({ sequence, start, count }) => [sequence.name, start, count]);
  return { rows, preempted: preempted.map(({ name }) => name) };
}

describe('planning a step', () => {
  it('gives every decoding sequence one row, and prompts the rows of the budget', () => {
    const { rows } = plan([decoding('A', 10), waiting('B', 7), decoding('C', 5)], 4, 2);
    expect(rows).toEqual([
      ['A', 9, 1],
      ['B', 0, 4],
      ['C', 4, 1],
    ]);
  });

  it('gives a decoding sequence rows for its drafts as well', () => {
    expect(plan([decoding('A', 10, [7, 8])], 4, 1).rows).toEqual([['A', 9, 3]]);
  });

  it('never leaves a chunk of one prompt row if minPrefillRows is 2', () => {
    expect(plan([waiting('A', 5)], 4, 2).rows).toEqual([['A', 0, 3]]);
  });

  it('computes a prompt of one token as a single row', () => {
    expect(plan([waiting('A', 1)], 4, 2).rows).toEqual([['A', 0, 1]]);
  });

  it('computes a short prompt at once, even if a long one came before it', () => {
    expect(plan([waiting('A', 8_000), waiting('B', 100)], 256, 2).rows).toEqual([
      ['A', 0, 156],
      ['B', 0, 100],
    ]);
  });

  it('advances the oldest prompt even if shorter ones keep coming', () => {
    expect(plan([waiting('A', 8_000), waiting('B', 300), waiting('C', 200)], 256, 2).rows).toEqual([
      ['A', 0, 64],
      ['C', 0, 192],
    ]);
  });

  it('recomputes an answer in chunks, or row by row if minPrefillRows is 2', () => {
    const again = (): Named => ({ ...waiting('A', 3), length: 9, computed: 3 });
    expect(plan([again()], 4, 1).rows).toEqual([['A', 3, 4]]);
    expect(plan([again()], 4, 2).rows).toEqual([['A', 3, 1]]);
  });

  it('preempts the latest sequences when blocks run out, and never the first', () => {
    const pool = new BlockPool({ count: 3, size: 4 });
    const running = [decoding('A', 5), decoding('B', 5), decoding('C', 2)];
    for (const { table, computed } of running.slice(0, 2)) pool.grow(table, computed);
    pool.grow(running[2]!.table, 1);
    expect(plan(running, 4, 1, pool)).toEqual({ rows: [['A', 4, 1]], preempted: ['C', 'B'] });
    expect(running.map(({ table }) => table.blocks.length)).toEqual([2, 0, 0]);
    expect(pool.available).toBe(1);
  });

  it('gives each tenant its part: decode rows to the sequences that waited longest, and prefill rows as if it were alone', () => {
    const of = (tenant: string, sequence: Named, stepped = 0): Named => ({ ...sequence, tenant, stepped });
    const running = [
      of('a', decoding('A', 5)),
      of('b', decoding('B1', 5), 9),
      of('b', decoding('B2', 5), 7),
      of('b', decoding('B3', 5), 8),
      of('b', waiting('P', 50)),
      of('c', decoding('C', 5)),
    ];
    const parts = new Map([
      ['a', { rows: 1, prefillRows: 0 }],
      ['b', { rows: 2, prefillRows: 6 }],
    ]);
    const limits = { prefillRows: 20, minPrefillRows: 2 };
    const { spans } = planStep(running, roomy(), limits, parts);
    expect(spans.map(({ sequence, count }) => [sequence.name, count])).toEqual([
      ['A', 1],
      ['B2', 1],
      ['B3', 1],
      ['P', 6],
    ]);
  });

  it('preempts sequences of the tenant with most sequences, even if they have rows in this step', () => {
    const pool = new BlockPool({ count: 4, size: 4 });
    const running = ['B1', 'B2', 'A'].map((name) => ({ ...decoding(name, 4), tenant: name[0]! }));
    for (const { table, computed } of running) pool.grow(table, computed);
    running[2] = { ...running[2]!, length: 9, computed: 8 };
    pool.grow(running[2].table, 8);
    expect(plan(running, 4, 1, pool)).toEqual({
      rows: [
        ['B1', 3, 1],
        ['A', 8, 1],
      ],
      preempted: ['B2'],
    });
  });

  it('computes every position once and in order, in chunks of at least minPrefillRows, and always advances', () => {
    const draw = fc.record({
      prompts: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
      least: fc.integer({ min: 1, max: 4 }),
      extra: fc.nat(20),
    });
    fc.assert(
      fc.property(draw, ({ prompts, least, extra }) => {
        const limits = { prefillRows: 2 * least + extra, minPrefillRows: least };
        const pool = roomy();
        const running = prompts.map((promptLength, n) => waiting(String(n), promptLength));
        for (let step = 0; running.some(({ computed, promptLength }) => computed < promptLength); step++) {
          expect(step).toBeLessThan(500);
          const { spans, preempted } = planStep(running, pool, limits);
          expect(preempted).toEqual([]);
          const prefill = spans.filter(({ sequence, start }) => start < sequence.promptLength);
          expect(prefill.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(limits.prefillRows);
          expect(prefill.length).toBeGreaterThan(0);
          for (const { sequence, start, count } of spans) {
            expect(start).toBe(sequence.computed);
            expect(sequence.table.blocks.length).toBe(Math.ceil((start + count) / 4));
            if (start < sequence.promptLength) {
              expect(count).toBeGreaterThanOrEqual(Math.min(least, sequence.promptLength));
            } else {
              expect(count).toBe(1);
            }
            sequence.computed += count;
            expect(sequence.computed).toBeLessThanOrEqual(sequence.length);
            if (sequence.computed === sequence.length) sequence.length++; // a token was sampled
          }
        }
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});
