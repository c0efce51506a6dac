// The checkpoints of bench/oracle can be made again from the committed JSON, to the byte.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caseNames, loadCase, loadCases, writeOracleCheckpoint } from './rebuild.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'oracle-'));
});
afterAll(() => rm(dir, { recursive: true }));

const names = await caseNames();

describe.each(names)('%s', (name) => {
  it('has the tensors that transformers read, and logits for every token', async () => {
    const oracle = await loadCase(name);
    // Compares the SHA-256 of the tensors' bytes with the one that Python recorded.
    await writeOracleCheckpoint(join(dir, name), oracle);
    expect(JSON.parse(await readFile(join(dir, name, 'config.json'), 'utf8'))).toEqual(oracle.config);
    expect(oracle.logits.map((row) => row.length)).toEqual(oracle.tokens.map(() => oracle.vocab));
    expect(oracle.routing.map((layer) => layer.length)).toEqual(
      oracle.routing.map(() => oracle.tokens.length),
    );
    const largest = Math.max(...oracle.logits.flatMap((row) => [...row.map(Math.abs)]));
    for (const { position, logits } of oracle.exact) {
      const single = oracle.logits[position]!;
      const apart = Math.max(...single.map((value, i) => Math.abs(value - logits[i]!)));
      expect(apart / largest, `position ${position}`).toBeLessThan(1e-5);
    }
  });
});

it('a case whose tensors are not those of the oracle is refused', async () => {
  const oracle = await loadCase(names[0]!);
  await expect(
    writeOracleCheckpoint(join(dir, 'other'), { ...oracle, seed: oracle.seed + 1 }),
  ).rejects.toThrow(/the tensors' SHA-256 is/);
});

it('cases can be selected by layout', async () => {
  const cases = await loadCases('sigma', 'gpt_oss_mxfp4');
  expect(new Set(cases.map(({ layout }) => layout))).toEqual(new Set(['sigma', 'gpt_oss_mxfp4']));
});
