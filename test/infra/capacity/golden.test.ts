// Compares what `capacity` prints for nano with golden files, for costs of round numbers. `vitest run -u` writes the files anew.
import { expect, test } from 'vitest';
import { sizingText } from '../../../cli/capacity/sizing-text.ts';
import { decadesText } from '../../../cli/capacity/table-text.ts';
import { sizeFor } from '../../../infra/capacity/size.ts';
import { fixed, nano, settings, workload } from './fixed.ts';

const origin = { model: 'nano', calibration: fixed };
const at = (rps: number) => sizeFor(fixed, nano, { ...workload, rps }, settings);

test('the sizing of one load is that of the golden file', async () => {
  await expect(sizingText(at(50), origin)).toMatchFileSnapshot('golden/nano-50.txt');
});

test('the table from 1 to a million requests a second is that of the golden file', async () => {
  const decades = [0, 1, 2, 3, 4, 5, 6].map((power) => at(10 ** power));
  await expect(decadesText(decades, origin)).toMatchFileSnapshot('golden/nano-table.txt');
});
