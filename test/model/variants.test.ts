// Random tiny models of each variant that train/ makes: their logits over three shards are those that PyTorch computed. The files are
// written by `train/run.sh golden.py variants test/golden/variants`.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { largestError } from '../oracle/cases.ts';
import { loadCase, type OracleCase } from '../oracle/rebuild.ts';
import { runCase } from '../oracle/run-case.ts';

const folder = join(import.meta.dirname, '..', 'golden', 'variants');
const names = (await readdir(folder)).map((file) => file.replace(/\.json$/, ''));

describe.each(names)('%s', (name) => {
  it('at 32 bits over 3 shards: experts and logits are those of PyTorch', async () => {
    const each = (await loadCase(name, folder)) as OracleCase & { active: number[] };
    const { logits, routing } = await runCase(each, { bits: 32, ...activeOf(each) });
    expect(routing).toEqual(each.routing);
    expect(logits).toHaveLength(each.tokens.length);
    expect(largestError(logits, each.logits)).toBeLessThan(1e-3);
  });
});

/** Experts of each layer, unless they are the checkpoint's own. */
function activeOf({ active, config }: OracleCase & { active: number[] }) {
  return active.every((k) => k === config.num_experts_per_tok) ? {} : { active };
}
