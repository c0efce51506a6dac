// Compares our logits with those of transformers, for checkpoints of every layout.
import { describe, expect, it } from 'vitest';
import { caseNames, loadCase } from './rebuild.ts';
import { runCase } from './run-case.ts';

/** Properties that are not computed. A checkpoint with one is refused by the name of its field. */
const refused: Readonly<Record<string, string>> = {
  'ernie4_5_moe-3': 'use_bias',
  'llama4_text-3': 'num_experts_per_tok',
  'olmoe-2': 'clip_qkv',
};

it.each(Object.entries(refused))('%s is refused, because %s is not computed', async (name, field) => {
  await expect(runCase(await loadCase(name), { bits: 32 })).rejects.toThrow(`field ${field}`);
});

describe('at 32 bits over 3 shards, logits are those of transformers', async () => {
  const computed = (await caseNames()).filter((name) => !Object.hasOwn(refused, name));
  it.each(computed)('%s', async (name) => {
    const each = await loadCase(name);
    const { logits, routing } = await runCase(each, { bits: 32 });
    expect(routing).toEqual(each.routing);
    expect(largestError(logits, each.logits)).toBeLessThan(1e-4);
  });
});

/** The largest difference, relative to the largest logit. */
function largestError(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
  expect(ours.length).toBe(theirs.length);
  let [error, largest] = [0, 0];
  for (const [i, row] of theirs.entries()) {
    for (const [j, value] of row.entries()) {
      error = Math.max(error, Math.abs(value - ours[i]![j]!));
      largest = Math.max(largest, Math.abs(value));
    }
  }
  return error / largest;
}
