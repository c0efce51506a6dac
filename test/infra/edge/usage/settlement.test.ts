// Each request settles exactly once, with the tokens that the gateways counted.
import { expect, it } from 'vitest';
import { expectSettled, runMix } from './settlement.cases.ts';

it('the usage of 160 mixed requests equals the counts of the gateways', async () => {
  const mix = await runMix(160, 16);
  await expectSettled(mix);
  expect(new Set(mix.fates.values()).size).toBe(7);
  expect(mix.rows.filter(({ status }) => status === 200).length).toBeGreaterThan(80);
  expect(mix.rows.filter(({ status }) => status === 499).length).toBeGreaterThan(5);
  expect(mix.rows.filter(({ resumes }) => resumes > 0).length).toBeGreaterThan(5);
  expect([...mix.statuses.values()]).toContain(429);
}, 60_000);
