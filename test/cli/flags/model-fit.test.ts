// Checks that --context, --kv-memory and the flags about experts per token are compared with the models and the machine.
import { describe, expect, test } from 'vitest';
import { bytes, countOrCounts } from '../../../cli/flags/flags.ts';
import { defaultKvMemory, fitExperts, fitModels } from '../../../cli/flags/model-fit.ts';

const GiB = 2 ** 30;
/** A model whose whole context needs 3 MiB. */
const nano = { id: 'nano', context: 2048, kv: { blockSize: 32, blockBytes: 48 * 1024 } };
const large = { id: 'large', context: 40_960, kv: { blockSize: 32, blockBytes: 3 * 2 ** 20 } };
const fitted = (models: (typeof nano)[], flags: Parameters<typeof fitModels>[1]) =>
  fitModels(models, flags, 16 * GiB);

test('a --context longer than that of a model is refused with the length of the model', () => {
  expect(() => fitted([nano], { context: 4096 })).toThrow(
    '--context 4096: nano has a context of 2048 tokens. Give at most 2048, or leave --context out',
  );
  expect(() => fitted([large, nano], { context: 4096 })).toThrow(/nano has a context of 2048/);
  expect(fitted([nano], { context: 2048 })).toEqual({ kvMemory: 2 * GiB, warnings: [] });
});

test('a --kv-memory that holds no block of a model is refused with the smallest size that is possible', () => {
  expect(() => fitted([nano], { kvMemory: 1024 })).toThrow(
    '--kv-memory 1KiB: nano needs at least 48KiB, for 32 tokens. Its context of 2048 tokens needs 3MiB',
  );
  expect(() => fitted([large, nano], { kvMemory: bytes('5MiB') })).toThrow(
    '--kv-memory 5MiB (2.5MiB for each of 2 models): large needs at least 6MiB, for 32 tokens. ' +
      'Its context of 40960 tokens needs 7.5GiB',
  );
  expect(() => fitted([nano], { kvMemory: bytes('48KiB') })).not.toThrow();
});

test('a --kv-memory above the memory of the machine is refused with the memory of the machine', () => {
  expect(() => fitted([nano], { kvMemory: 900 * GiB })).toThrow(
    '--kv-memory 900GiB: this machine has 16GiB of memory. Give less; one request of full length needs 3MiB',
  );
});

test('a --kv-memory below the context gives a warning with values that fit', () => {
  expect(fitted([large], {}).warnings).toEqual([
    '--kv-memory 2GiB holds 21824 tokens of large: longer requests are refused. Its context of 40960 tokens needs 3.8GiB; ' +
      'give that much, or --context 21824',
  ]);
  expect(fitted([large], { context: 21_824 }).warnings).toEqual([]);
  expect(fitted([large], { kvMemory: bytes('3.8GiB') }).warnings).toEqual([]);
});

test('the default KV memory is at most half of the memory of the machine', () => {
  expect(defaultKvMemory(16 * GiB)).toBe(2 * GiB);
  expect(defaultKvMemory(GiB)).toBe(GiB / 2);
});

describe('the flags about experts per token', () => {
  const free = { id: 'nano', layers: 3, experts: 8, routing: {} };
  const fixed = { id: 'protos', layers: 3, experts: 8, routing: { prototypes: 2 } };

  test('give the settings of requests that make none', () => {
    expect(fitExperts([free], {})).toBeUndefined();
    expect(fitExperts([free], { expertsPerToken: 2 })).toEqual({ experts_per_token: 2 });
    expect(fitExperts([free, fixed], { expertsPerToken: countOrCounts('2,2, 2') })).toEqual({
      experts_per_token: [2, 2, 2],
    });
    expect(fitExperts([free], { expertBudget: 24, expertPolicy: 'unsure' })).toEqual({
      expert_budget: 24,
      expert_policy: 'unsure',
    });
  });

  test.each([
    [{ expertsPerToken: 9 }, [free], /^--experts-per-token for nano: .* <= 8, but got 9 instead/],
    [{ expertsPerToken: [1, 2] }, [free], /^--experts-per-token for nano: .*each of 3 layers, but got 2/],
    [{ expertsPerToken: 3 }, [free, fixed], /^--experts-per-token for protos: .* takes only 2\.$/],
    [{ expertBudget: 2 }, [free], /^--expert-budget for nano: .* takes 3 to 24\.$/],
    [{ expertBudget: 25 }, [free], /^--expert-budget for nano: .* <= 24, but got 25 instead/],
    [{ expertPolicy: 'unsure' as const }, [free], /^--expert-policy for nano: .* needs '--expert-budget'/],
    [{ expertBudget: 4, expertsPerToken: 1 }, [free], /^--expert-budget for nano: .*cannot be combined/],
  ])('%j is refused if a model does not take it', (flags, models, message) => {
    expect(() => fitExperts(models, flags)).toThrow(message);
  });

  test.each(['0', '', '2,', 'two', '1.5', '-1'])('a value of %j is refused', (text) => {
    expect(() => countOrCounts(text)).toThrow('It must be a whole number of at least 1.');
  });
});
