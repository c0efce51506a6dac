// Growth of the checkpoints of every layout that can grow: in width without noise, no logit changes; in depth, layers are in order.
import { describe, expect, it } from 'vitest';
import { caseNames } from '../../oracle/rebuild.ts';
import { checkDepth, refusedByAll, refusedDepth, refusedWidth, widthError } from './support.ts';

const names = (await caseNames()).filter((name) => !refusedByAll.includes(name));

describe('in width', () => {
  it.each(names.filter((name) => !Object.hasOwn(refusedWidth, name)))('%s', async (name) => {
    expect(await widthError(name)).toBeLessThan(1e-5);
  });
});

describe('in depth', () => {
  it.each(names.filter((name) => !Object.hasOwn(refusedDepth, name)))('%s', checkDepth);
});
