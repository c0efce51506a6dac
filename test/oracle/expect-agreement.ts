// Expects that our logits and chosen experts for a case are those of transformers.
import { expect } from 'vitest';
import { largestError } from './cases.ts';
import { loadCase } from './rebuild.ts';
import { runCase } from './run-case.ts';

export async function expectAgreement(name: string): Promise<void> {
  const each = await loadCase(name);
  const { logits, routing } = await runCase(each, { bits: 32 });
  expect(routing).toEqual(each.routing);
  expect(largestError(logits, each.logits)).toBeLessThan(1e-4);
}
