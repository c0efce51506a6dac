// Context and memory of keys and values, held against the models and the machine before anything is loaded.
import { expect, test } from 'vitest';
import { bytes } from '../../../cli/flags/flags.ts';
import { defaultKvMemory, fitModels } from '../../../cli/flags/model-fit.ts';

const GiB = 2 ** 30;
/** 3 MiB hold its context. */
const nano = { id: 'nano', context: 2048, kv: { blockSize: 32, blockBytes: 48 * 1024 } };
const large = { id: 'large', context: 40_960, kv: { blockSize: 32, blockBytes: 3 * 2 ** 20 } };
const fitted = (models: (typeof nano)[], flags: Parameters<typeof fitModels>[1]) =>
  fitModels(models, flags, 16 * GiB);

test('a context that is longer than a model has is refused, with what it has', () => {
  expect(() => fitted([nano], { context: 4096 })).toThrow(
    '--context 4096: nano has a context of 2048 tokens. Give at most 2048, or leave --context out',
  );
  expect(() => fitted([large, nano], { context: 4096 })).toThrow(/nano has a context of 2048/);
  expect(fitted([nano], { context: 2048 })).toEqual({ kvMemory: 2 * GiB, warnings: [] });
});

test('memory that holds nothing of a model is refused, with what it needs', () => {
  expect(() => fitted([nano], { kvMemory: 1024 })).toThrow(
    '--kv-memory 1KiB: nano needs at least 48KiB, which hold 32 tokens; 3MiB hold its context of 2048 tokens',
  );
  expect(() => fitted([large, nano], { kvMemory: bytes('5MiB') })).toThrow(
    '--kv-memory 5MiB (2.5MiB for each of 2 models): large needs at least 6MiB, which hold 32 tokens; ' +
      '7.5GiB hold its context of 40960 tokens',
  );
  expect(() => fitted([nano], { kvMemory: bytes('48KiB') })).not.toThrow();
});

test('memory that the machine does not have is refused, with what it has', () => {
  expect(() => fitted([nano], { kvMemory: 900 * GiB })).toThrow(
    '--kv-memory 900GiB: this machine has 16GiB of memory. Give less; 3MiB hold one request of full length',
  );
});

test('memory for less than the context is served, and warned of with what to give', () => {
  expect(fitted([large], {}).warnings).toEqual([
    '--kv-memory 2GiB holds 21824 tokens of large: longer requests are refused. 3.8GiB hold its context of 40960 tokens; ' +
      'give that, or --context 21824',
  ]);
  expect(fitted([large], { context: 21_824 }).warnings).toEqual([]);
  expect(fitted([large], { kvMemory: bytes('3.8GiB') }).warnings).toEqual([]);
});

test('the default takes no more than half of a small machine', () => {
  expect(defaultKvMemory(16 * GiB)).toBe(2 * GiB);
  expect(defaultKvMemory(GiB)).toBe(GiB / 2);
});
