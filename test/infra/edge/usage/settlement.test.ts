// Usage and its settlement on Node.
import { expect, it } from 'vitest';
import { openOnNode } from '../hosts/on-node.ts';
import { expectSettled, numbersOf } from './settlement.cases.ts';

it('the usage of 80 mixed requests equals the counts of the gateways', async () => {
  const mix = await expectSettled(openOnNode, 80, 16);
  expect(new Set(mix.fates.values()).size).toBe(7);
  const { whole, left, limited, continued } = numbersOf(mix);
  expect(whole).toBeGreaterThan(40);
  expect(Math.min(left, continued)).toBeGreaterThan(1);
  expect(limited).toBeGreaterThan(0);
}, 120_000);
