// What the log says when units lose their second holder, or are borrowed from other zones.
import { expect, test } from 'vitest';
import { RedundancyReport } from '../../../router/redundancy.ts';
import type { Source } from '../../../router/replica-table.ts';

test('the loss and the return of a second holder are logged once; a unit that never had one is not', () => {
  const report = new RedundancyReport();
  const look = (...holders: number[]) =>
    report.look({ holders, sources: [] }, { experts: 4, zone: undefined }).map(({ message }) => message);
  const lost = (expert: number) => `redundancy is lost: no second shard serves layer 0: experts ${expert}`;
  const back = (units: string) => `redundancy is back: a second shard serves ${units}`;
  expect(look(1, 2, 3, 0)).toEqual([]);
  expect(look(1, 1, 2, 0)).toEqual([lost(1)]);
  expect(look(0, 0, 0, 0)).toEqual([lost(2)]);
  expect(look(1, 2, 1, 0)).toEqual([back('layer 0: experts 1')]);
  expect(look(2, 2, 2, 2)).toEqual([back('layer 0: experts 2')]);
});

test('the log says once when units are borrowed, and when they no longer are', () => {
  const report = new RedundancyReport();
  const look = (...sources: Source[]) =>
    report.look({ holders: [], sources }, { experts: 3, zone: 'eu' }).map(({ message }) => message);
  const borrowed = (expert: number) =>
    `shards of other zones are called, because none of zone eu serves layer 0: experts ${expert}`;
  expect(look('near', 'far', 'none')).toEqual([borrowed(1)]);
  expect(look('near', 'far', 'none')).toEqual([]);
  expect(look('none', 'none', 'far')).toEqual([borrowed(2)]);
  expect(look('near', 'near', 'far')).toEqual(['a shard of zone eu serves again layer 0: experts 1']);
});
