import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Assignment, expertsOf, rowCount } from '../../../router/routing/assignment.ts';
import {
  capacity,
  type LimitedRows,
  PromptCapacity,
  withinCapacity,
} from '../../../router/routing/expert-capacity.ts';

describe('capacity', () => {
  it.each([
    [6, 1, 4, 1, 2],
    [8, 1, 4, 1, 2],
    [9, 1, 4, 1, 3],
    [10, 4, 96, 1.25, 1],
    [512, 2, 96, 1.25, 14],
    [10, 1, 1, 1.1, 11],
    [30, 1, 3, 1.1, 11],
    [100, 1, 10, 0.3, 3],
    [5, 1, 8, 1e-9, 1],
  ])('of %i tokens, k = %i, %i experts and a factor of %f is %i', (tokens, k, experts, factor, wanted) => {
    expect(capacity(tokens, k, experts, factor)).toBe(wanted);
  });

  it('with whole numbers is ceil(tokens * k * factor / experts), exactly', () => {
    const count = fc.integer({ min: 1, max: 5000 });
    fc.assert(
      fc.property(
        count,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 512 }),
        (n, k, experts) => {
          const factor = 1 + (n % 5);
          const wanted = (BigInt(n * k * factor) + BigInt(experts) - 1n) / BigInt(experts);
          expect(capacity(n, k, experts, factor)).toBe(Number(wanted));
        },
      ),
      { seed: 41, numRuns: 1000 },
    );
  });
});

const experts = 5;

/** Rows that each have one to three different experts. */
const rows = fc.array(
  fc
    .subarray([0, 1, 2, 3, 4], { minLength: 1, maxLength: 3 })
    .chain((each) => fc.shuffledSubarray(each, { minLength: each.length, maxLength: each.length })),
  { minLength: 1, maxLength: 30 },
);

function assignmentOf(of: readonly (readonly number[])[]): Assignment {
  const all = of.flat();
  const starts = Uint32Array.from([0, ...of].map((_, i) => of.slice(0, i).flat().length));
  const k = Math.max(0, ...of.map(({ length }) => length));
  const plain = { k, experts: Uint16Array.from(all), weights: Float32Array.from(all, (_, i) => i + 1) };
  return of.every(({ length }) => length === k) ? plain : { ...plain, starts };
}

function rowsOf(assignment: Assignment): number[][] {
  return Array.from({ length: rowCount(assignment) }, (_, row) => [...expertsOf(assignment, row)]);
}

/** Cuts the rows into chunks, and sends each through `withinCapacity`, between rows of other requests. */
function inChunks(all: readonly (readonly number[])[], cuts: readonly number[], prompt: PromptCapacity) {
  const kept: number[][] = [];
  const ends = [...new Set([...cuts.map((cut) => cut % all.length), all.length])].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    const others = [[0], [0], [1, 0]];
    const chunk = all.slice(start, end);
    const limited: LimitedRows[] = [{ first: 3, count: chunk.length, prompt }];
    const found = rowsOf(withinCapacity(assignmentOf([...others, ...chunk, ...others]), 0, limited));
    expect([...found.slice(0, 3), ...found.slice(-3)]).toEqual([...others, ...others]);
    kept.push(...found.slice(3, -3));
    start = end;
  }
  return kept;
}

/** The definition: an expert takes the first `most` rows that choose it. */
function slowly(all: readonly (readonly number[])[], most: number): number[][] {
  return all.map((row, position) =>
    row.filter((expert) => {
      const before = all.slice(0, position).filter((earlier) => earlier.includes(expert)).length;
      return before < most;
    }),
  );
}

describe('a prompt', () => {
  const factor = fc.constantFrom(0.2, 0.5, 1, 1.25, 2);
  const promptOf = (factor: number, tokens: number) =>
    new PromptCapacity(factor, tokens, { experts, ks: [2] });

  it('gives each expert its first rows by position, however the prompt is cut, and counts the rest', () => {
    fc.assert(
      fc.property(rows, factor, fc.array(fc.nat()), (all, factor, cuts) => {
        const prompt = promptOf(factor, all.length);
        const kept = inChunks(all, cuts, prompt);
        const most = capacity(all.length, 2, experts, factor);
        expect(kept).toEqual(slowly(all, most));
        for (let expert = 0; expert < experts; expert++)
          expect(kept.filter((row) => row.includes(expert)).length).toBeLessThanOrEqual(most);
        expect(prompt.dropped).toBe(all.flat().length - kept.flat().length);
      }),
      { seed: 42, numRuns: 500 },
    );
  });

  it('with a large factor keeps the very same assignment', () => {
    fc.assert(
      fc.property(rows, (all) => {
        const prompt = promptOf(10, all.length);
        const assignment = assignmentOf(all);
        expect(withinCapacity(assignment, 0, [{ first: 0, count: all.length, prompt }])).toBe(assignment);
        expect(prompt.dropped).toBe(0);
      }),
      { seed: 43, numRuns: 100 },
    );
  });

  it('keeps the weights of the calls that are left, and counts each layer and each prompt for itself', () => {
    const ofTwo = { experts: 2, ks: [1, 2] };
    const [a, b] = [new PromptCapacity(0.5, 4, ofTwo), new PromptCapacity(2, 1, ofTwo)];
    const all = assignmentOf([[0], [0], [1], [0], [0]]);
    const limited = [
      { first: 0, count: 4, prompt: a },
      { first: 4, count: 1, prompt: b },
    ];
    const found = withinCapacity(all, 0, limited);
    expect(rowsOf(found)).toEqual([[0], [], [1], [], [0]]);
    expect([...found.weights]).toEqual([1, 3, 5]);
    expect([a.dropped, b.dropped]).toEqual([2, 0]);
    expect(rowsOf(withinCapacity(all, 1, limited.slice(0, 1)))).toEqual([[0], [0], [1], [], [0]]);
    expect(a.dropped).toBe(3);
  });
});
