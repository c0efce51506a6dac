// Growth in width without noise changes no logit, for the checkpoints of every layout that can grow.
import { expect, it } from 'vitest';
import { caseNames } from '../../oracle/rebuild.ts';
import { refusedByAll, refusedWidth, widthError } from './support.ts';

const refused = [...refusedByAll, ...Object.keys(refusedWidth)];
const names = (await caseNames()).filter((name) => !refused.includes(name));

it.each(names)('%s', async (name) => {
  expect(await widthError(name)).toBeLessThan(1e-5);
});
