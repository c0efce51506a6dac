// Compares our logits with those of transformers, for checkpoints of every layout.
import { describe, expect, it } from 'vitest';
import { computedNames, largestError, refused } from './cases.ts';
import { loadCase } from './rebuild.ts';
import { runCase } from './run-case.ts';

it.each(Object.entries(refused))('%s is refused, because %s is not computed', async (name, field) => {
  await expect(runCase(await loadCase(name), { bits: 32 })).rejects.toThrow(`field ${field}`);
});

describe('at 32 bits over 3 shards, logits are those of transformers', async () => {
  it.each(await computedNames())('%s', async (name) => {
    const each = await loadCase(name);
    const { logits, routing } = await runCase(each, { bits: 32 });
    expect(routing).toEqual(each.routing);
    expect(largestError(logits, each.logits)).toBeLessThan(1e-4);
  });
});
