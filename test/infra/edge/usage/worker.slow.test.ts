// As settlement.test.ts, in the Worker under `wrangler dev`.
import { expect, it } from 'vitest';
import { openInWorker } from '../hosts/in-worker.ts';
import { expectSettled, numbersOf } from './settlement.cases.ts';

it('the usage of 300 mixed requests in the Worker equals the counts of the gateways', async () => {
  const mix = await expectSettled(openInWorker, 300, 300);
  const numbers = numbersOf(mix);
  console.log('measured:', numbers);
  expect(mix.rows.length).toBeGreaterThan(260);
  expect(Math.min(numbers.left, numbers.continued)).toBeGreaterThan(5);
  expect(numbers.limited).toBeGreaterThan(0);
}, 600_000);
