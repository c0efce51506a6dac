// Tests that the text of a shard's units can be given to the flag --experts.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Holdings, parseHoldings } from '../../experts/holdings.ts';
import { heldText } from '../../router/shard-status.ts';

const shape = { layers: 5, experts: 9 };

test('the text is read back by --experts as the same units', () => {
  const units = fc.uniqueArray(fc.record({ layer: fc.nat(4), expert: fc.nat(8) }), {
    minLength: 1,
    selector: ({ layer, expert }) => layer * 9 + expert,
  });
  fc.assert(
    fc.property(units, (held) => {
      const ranges = Holdings.of(held, shape).ranges();
      const text = heldText(ranges, shape);
      expect(Holdings.of(parseHoldings(text, shape), shape).ranges()).toEqual(ranges);
    }),
    { seed: 9, numRuns: 200 },
  );
});

test('the text names layers only if they differ, and is empty if no unit is held', () => {
  const same = Array.from({ length: 5 }, (_, layer) => [layer, 0, 3] as const).map((range) => [...range]);
  expect(heldText(same as [number, number, number][], shape)).toBe('0-3');
  expect(
    heldText(
      [
        [1, 0, 3],
        [2, 0, 3],
        [4, 7, 7],
      ],
      shape,
    ),
  ).toBe('1-2:0-3,4:7');
  expect(heldText([], shape)).toBe('');
});
