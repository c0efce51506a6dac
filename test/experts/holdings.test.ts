import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHoldings, Holdings, parseHoldings } from '../../experts/holdings.ts';

const shape = { layers: 3, experts: 8 };

test('an item without a layer names experts of every layer', () => {
  expect(parseHoldings('0-1,7', shape)).toEqual(
    [0, 1, 2].flatMap((layer) => [0, 1, 7].map((expert) => ({ layer, expert }))),
  );
});

test('a layer before a colon applies only to its own item', () => {
  expect(parseHoldings('2:5, 0:0-1', shape)).toEqual([
    { layer: 0, expert: 0 },
    { layer: 0, expert: 1 },
    { layer: 2, expert: 5 },
  ]);
  expect(parseHoldings('0-1:3', shape)).toHaveLength(2);
});

test('a unit that is named twice is returned once', () => {
  expect(parseHoldings('0-3,2-5,1:3', shape)).toHaveLength(18);
});

describe('parseHoldings refuses a wrong item and quotes it', () => {
  test.each([
    ['8', '"8" names expert 8; the last is 7'],
    ['3:0', '"3:0" names layer 3; the last is 2'],
    ['5-2', '"5-2" runs backwards; write 2-5'],
    ['', '"" is not written as 0-23'],
    ['0-3,', '"" is not written as 0-23'],
    ['a', '"a" is not written as'],
    ['1:2:3', '"1:2:3" is not written as'],
    ['-1', '"-1" is not written as'],
  ])('%s', (text, reason) => {
    expect(() => parseHoldings(text, shape)).toThrow(reason);
  });
});

test('formatHoldings writes no layers if every layer has the same experts', () => {
  expect(formatHoldings(parseHoldings('0-3,5', shape), shape)).toBe('0-3,5');
  expect(formatHoldings(parseHoldings('1:3,2:0-4', shape), shape)).toBe('1:3,2:0-4');
});

test('any set of units is the same after formatting and parsing, as ranges in a message, and in lookups', () => {
  const unit = fc.record({ layer: fc.nat(shape.layers - 1), expert: fc.nat(shape.experts - 1) });
  fc.assert(
    fc.property(
      fc.uniqueArray(unit, { minLength: 1, selector: ({ layer, expert }) => layer * 8 + expert }),
      (units) => {
        const holdings = Holdings.of(units, shape);
        expect(holdings.size).toBe(units.length);
        expect(parseHoldings(formatHoldings(units, shape), shape)).toEqual(holdings.units());
        const crossed = new Holdings(shape);
        for (const range of holdings.ranges()) crossed.add(range);
        expect(crossed.units()).toEqual(holdings.units());
        for (let layer = 0; layer < shape.layers; layer++) {
          for (let expert = 0; expert < shape.experts; expert++) {
            const held = units.some((each) => each.layer === layer && each.expert === expert);
            expect(holdings.has(layer, expert)).toBe(held);
          }
        }
      },
    ),
    { seed: 4, numRuns: 300 },
  );
});
