// Checks that docs/capacity.md shows the table of the committed calibration, and how its blocks are replaced.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decadesOf } from '../../../bench/capacity/decades.ts';
import { blockOf, capacityPage, withBlock } from '../../../bench/capacity/docs-block.ts';
import { calibration } from '../../../infra/capacity/calibration.ts';

it('the page shows the table of the committed calibration', () => {
  expect(blockOf(readFileSync(capacityPage, 'utf8'), 'table')).toBe(decadesOf(calibration).trimEnd());
});

it('a block is replaced, and what is around it stays', () => {
  const page = 'before\n\n<!-- a -->\n\nold\n\n<!-- end of a -->\n\nafter\n';
  const replaced = withBlock(page, 'a', 'new\n');
  expect(replaced).toBe('before\n\n<!-- a -->\n\n```\nnew\n```\n\n<!-- end of a -->\n\nafter\n');
  expect(blockOf(replaced, 'a')).toBe('new');
  expect(() => withBlock(page, 'b', 'new')).toThrow('no block between <!-- b --> and <!-- end of b -->');
});
