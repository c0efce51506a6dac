// Broken checkpoints as a user of `expertgrid convert` meets them: exit code 1, one line, and no files.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { convert } from '../../../model/convert/convert.ts';
import { startCli } from '../../support/process.ts';
import {
  type Broken,
  freshPaths,
  nan,
  oracleParts,
  patched,
  reshaped,
  without,
  writeBroken,
  zeros,
} from './break.ts';

const fresh = freshPaths();
const partsOf = oracleParts(fresh);

const cases: Broken[] = [
  {
    what: 'a missing tensor',
    of: 'gpt_oss-1',
    tensors: without(/1\.self_attn\.sinks/),
    says: 'tensor model.layers.1.self_attn.sinks: is missing',
  },
  {
    what: 'another shape',
    of: 'bailing_moe_v2-1',
    tensors: reshaped('model.layers.2.attention.query_key_value.weight', [40, 96]),
    says: 'tensor model.layers.2.attention.query_key_value.weight: has shape [40,96]',
  },
  {
    what: 'a config that lies',
    of: 'llama4_text-1',
    config: { moe_layers: [1, 9] },
    says: 'config.json: field moe_layers: [1,9] is not a list of layers from 0 to 4',
  },
  {
    what: 'a value that is not finite',
    of: 'sigma-1',
    tensors: patched('model.layers.1.mlp.gate.weight', 0, nan),
    says: 'tensor model.layers.1.mlp.gate.weight: holds NaN',
  },
  {
    what: 'a scale that is not finite',
    of: 'gpt_oss_mxfp4-1',
    tensors: patched('model.layers.1.mlp.experts.gate_up_proj_scales', 5, [255]),
    says: 'gate_up_proj_blocks: cannot be decoded, because model.layers.1.mlp.experts.gate_up_proj_scales holds NaN',
  },
];

describe('expertgrid convert', () => {
  it.each(cases)('ends with 1 and one line on $what, and leaves no files', async (broken) => {
    const [from, to] = [fresh(), fresh()];
    await writeBroken(from, await partsOf(broken.of), broken);
    const run = startCli(['convert', '--from', from, '--to', to, '--bits', '4']);
    expect(await run.exit).toEqual({ code: 1, signal: null });
    const lines = run.stderr.split(/[\r\n]+/).filter((line) => line.startsWith('expertgrid: '));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`expertgrid: ${from}/`);
    expect(lines[0]).toContain(broken.says);
    expect(run.stderr).not.toMatch(/^\s+at /m);
    expect([to, `${to}.partial`].filter(existsSync)).toEqual([]);
  });
});

it('a value that a thread of a large conversion finds leaves no files', async () => {
  const [from, to] = [fresh(), fresh()];
  const { config, tensors } = await partsOf('qwen3_moe-1');
  const vocab = 40_000; // 25 MB of embedding and head, for which threads are started
  const large = new Map(tensors)
    .set('model.embed_tokens.weight', zeros([vocab, 80]))
    .set('lm_head.weight', zeros([vocab, 80]));
  const poisoned = patched('lm_head.weight', 4 * 1000, nan);
  await writeBroken(
    from,
    { config: { ...config, vocab_size: vocab }, tensors: large },
    { tensors: poisoned },
  );
  await expect(convert({ from, to, bits: 4, workers: 2 })).rejects.toThrow(
    'tensor lm_head.weight: holds NaN',
  );
  expect([to, `${to}.partial`].filter(existsSync)).toEqual([]);
});
