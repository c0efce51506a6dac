// Compares our logits with those of transformers, for a checkpoint of every layout. oracle.slow.test.ts has all checkpoints.
import { expect, it } from 'vitest';
import { firstNames, refused } from './cases.ts';
import { expectAgreement } from './expect-agreement.ts';
import { loadCase } from './rebuild.ts';
import { runCase } from './run-case.ts';

it.each(Object.entries(refused))('%s is refused, because %s is not computed', async (name, field) => {
  await expect(runCase(await loadCase(name), { bits: 32 })).rejects.toThrow(`field ${field}`);
});

it.each(await firstNames())('%s at 32 bits over 3 shards: logits are those of transformers', expectAgreement);
