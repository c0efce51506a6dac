// As settlement.test.ts, with 2,000 requests.
import { expect, it } from 'vitest';
import { expectSettled, runMix } from './settlement.cases.ts';

it('the usage of 2,000 mixed requests equals the counts of the gateways', async () => {
  const mix = await runMix(2_000, 2_000);
  await expectSettled(mix);
  expect(mix.rows.length).toBeGreaterThan(1_800);
  const of = (status: number) => mix.rows.filter((row) => row.status === status).length;
  console.log(
    `measured: ${mix.rows.length} rows, ${of(200)} whole, ${of(499)} left, ${of(502)} lost, ${of(400)} refused, ` +
      `${mix.rows.filter(({ resumes }) => resumes > 0).length} continued`,
  );
}, 400_000);
