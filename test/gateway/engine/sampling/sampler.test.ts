import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllowedIds } from '../../../../gateway/constraints/masks/constraint.ts';
import { neutralSampling, type SamplingSettings } from '../../../../gateway/engine/messages.ts';
import { uniform } from '../../../../gateway/engine/sampling/random.ts';
import { sample } from '../../../../gateway/engine/sampling/sampler.ts';

const greedy: SamplingSettings = { ...neutralSampling, temperature: 0 };

function pick(
  logits: readonly number[],
  settings: Partial<SamplingSettings> = {},
  answer: readonly number[] = [],
  prompt: readonly number[] = [],
) {
  const generated = new Map<number, number>();
  for (const id of answer) generated.set(id, (generated.get(id) ?? 0) + 1);
  return sample({
    logits: Float32Array.from(logits),
    settings: { ...greedy, ...settings },
    position: prompt.length + answer.length,
    generated,
    seen: new Set([...prompt, ...answer]),
  }).id;
}

/** The whole definition with a full sort, for comparison. */
function reference(
  logits: Float32Array,
  { temperature, minP, topK, topP, seed, choice }: SamplingSettings,
  position: number,
): number {
  const highest = Math.max(...logits);
  let kept = Array.from(logits, (logit, id) => ({ id, weight: Math.exp((logit - highest) / temperature) }));
  kept = kept.filter(({ weight }) => weight >= minP && weight > 0);
  if (topK > 0 || topP < 1) {
    kept.sort((a, b) => b.weight - a.weight || a.id - b.id);
    if (topK > 0) kept = kept.slice(0, topK);
    const total = kept.reduce((sum, { weight }) => sum + weight, 0);
    let sum = 0;
    const nucleus = [];
    for (const entry of kept) {
      nucleus.push(entry);
      sum += entry.weight;
      if (sum >= topP * total) break;
    }
    kept = nucleus.sort((a, b) => a.id - b.id);
  }
  let target = uniform(seed, choice, position) * kept.reduce((sum, { weight }) => sum + weight, 0);
  for (const { id, weight } of kept) {
    target -= weight;
    if (target < 0) return id;
  }
  return kept.at(-1)!.id;
}

describe('the sampler', () => {
  it('takes the likeliest token at temperature 0, and the lowest id among equals', () => {
    expect(pick([1, 3, 2, 3])).toBe(1);
  });

  it("subtracts the presence penalty once and the frequency penalty per occurrence for the answer's tokens only", () => {
    expect(pick([2, 1.5, 0], { presencePenalty: 1 }, [0, 0])).toBe(1);
    expect(pick([2, 1.5, 0], { frequencyPenalty: 0.2 }, [0, 0])).toBe(0);
    expect(pick([2, 1.5, 0], { frequencyPenalty: 0.2 }, [0, 0, 0])).toBe(1);
    expect(pick([2, 1.5, 0], { presencePenalty: 1 }, [], [0])).toBe(0);
  });

  it('divides positive and multiplies negative logits of seen tokens by the repetition penalty', () => {
    expect(pick([2, 1.5], { repetitionPenalty: 1.5 }, [], [0])).toBe(1);
    expect(pick([-1, -1.4], { repetitionPenalty: 1.5 }, [0])).toBe(1);
  });

  it('adds logit_bias, which can force or ban a token', () => {
    expect(pick([0, 5, 0], { logitBias: [[2, 100]] })).toBe(2);
    expect(pick([0, 5, 1], { logitBias: [[1, Number.NEGATIVE_INFINITY]] })).toBe(2);
  });

  it('takes only tokens that a constraint allows', () => {
    const constraint = new AllowedIds([0, 2]);
    const input = {
      settings: greedy,
      position: 0,
      generated: new Map<number, number>(),
      seen: new Set<number>(),
    };
    expect(sample({ ...input, logits: Float32Array.of(1, 9, 2), constraint }).id).toBe(2);
  });

  it('is a pure function of seed, choice and position', () => {
    const logits = Array.from({ length: 50 }, (_, id) => Math.sin(id));
    const run = (seed: number, choice: number) =>
      Array.from({ length: 30 }, (_, n) =>
        pick(logits, { temperature: 1, seed, choice }, new Array<number>(n).fill(0)),
      );
    expect(run(5, 0)).toEqual(run(5, 0));
    expect(run(5, 0)).not.toEqual(run(6, 0));
    expect(run(5, 0)).not.toEqual(run(5, 1));
  });

  it('draws tokens with the frequency of their probability', () => {
    const logits = [Math.log(0.5), Math.log(0.3), Math.log(0.2)];
    const counts = [0, 0, 0];
    const settings = { ...greedy, temperature: 1 };
    for (let position = 0; position < 20_000; position++) {
      const input = { logits: Float32Array.from(logits), settings, position };
      counts[sample({ ...input, generated: new Map(), seen: new Set() }).id]!++;
    }
    expect(counts.map((count) => count / 20_000)).toEqual([0.5, 0.3, 0.2].map((p) => expect.closeTo(p, 1)));
  });

  it('equals a definition with a full sort if all filters are combined', () => {
    const settings = fc.record({
      temperature: fc.constantFrom(0.3, 0.8, 1, 2),
      topK: fc.constantFrom(0, 1, 3, 40, 1000),
      topP: fc.constantFrom(1, 0.95, 0.5, 0.01),
      minP: fc.constantFrom(0, 0.05, 0.5),
      seed: fc.maxSafeInteger(),
    });
    const row = fc.array(fc.float({ min: -12, max: 12, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(row, settings, fc.nat(10_000), (logits, drawn, position) => {
        const full = { ...greedy, ...drawn };
        const values = Float32Array.from(logits);
        const expected = reference(values, full, position);
        const input = {
          logits: values,
          settings: full,
          position,
          generated: new Map(),
          seen: new Set<number>(),
        };
        expect(sample(input).id).toBe(expected);
      }),
      { seed: 3, numRuns: 1000 },
    );
  });

  it("reports log-probabilities of the model's own distribution, the likeliest first", () => {
    const logits = Float32Array.of(1, 2, 0);
    const norm = Math.log(Math.exp(1) + Math.exp(2) + Math.exp(0));
    const { id, logprob, top } = sample({
      logits,
      settings: { ...greedy, logitBias: [[2, 50]] },
      position: 0,
      generated: new Map(),
      seen: new Set(),
      logprobs: 2,
    });
    expect(id).toBe(2);
    expect(logprob).toBeCloseTo(0 - norm, 6);
    expect(top!.map((entry) => entry.id)).toEqual([1, 0]);
    expect(top![0]!.logprob).toBeCloseTo(2 - norm, 6);
  });
});
