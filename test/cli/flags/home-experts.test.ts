// The lists of experts that a gateway holds itself: one for each model, checked before anything starts.
import { describe, expect, it } from 'vitest';
import { homeExperts } from '../../../cli/flags/home-experts.ts';

const models = [
  { id: 'small', layers: 2, experts: 4 },
  { id: 'large', layers: 3, experts: 8 },
];
const flag = '--experts';

describe('the lists of experts', () => {
  it('belong to the models in the order of the flags', () => {
    const homeOf = homeExperts({ flag, lists: ['0-3', '1:5-7'], models });
    expect(models.map(homeOf)).toEqual([['0-3'], ['1:5-7']]);
  });

  it('are none if the flag is not given', () => {
    const homeOf = homeExperts({ flag, lists: undefined, models, alone: true });
    expect(models.map(homeOf)).toEqual([[], []]);
  });

  it('may name all experts if there are no shards', () => {
    const homeOf = homeExperts({ flag, lists: ['0-3', '0-2:0-7'], models, alone: true });
    expect(models.map(homeOf)).toEqual([['0-3'], ['0-2:0-7']]);
  });

  it.each([
    [['0-3'], false, '--experts: give one list for each --model, in the same order, not 1 list for 2 models'],
    [['0-4', '0'], false, '--experts: experts: "0-4" names expert 4; the last is 3'],
    [['0', '3:0'], false, '--experts: experts: "3:0" names layer 3; the last is 2'],
    [
      ['0-3', '0-1:0-7'],
      true,
      '--experts 0-1:0-7: 16 of the 24 experts of large are named, and no shard holds the others. ' +
        'Give --shards, --shards-dns or --shards-file too, or --experts 0-7',
    ],
  ])('%j are refused', (lists, alone, message) => {
    expect(() => homeExperts({ flag, lists, models, alone })).toThrow(message);
  });
});
