// As settlement.test.ts, with 2,000 requests.
import { expect, it } from 'vitest';
import { openOnNode } from '../hosts/on-node.ts';
import { expectSettled, numbersOf } from './settlement.cases.ts';

it('the usage of 2,000 mixed requests equals the counts of the gateways', async () => {
  const mix = await expectSettled(openOnNode, 2_000, 2_000);
  console.log('measured:', numbersOf(mix));
  expect(mix.rows.length).toBeGreaterThan(1_800);
}, 600_000);
