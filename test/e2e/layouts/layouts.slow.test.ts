// Converts checkpoints of layouts with special layers, serves them by a gateway and three shards, each a process of its own, and
// compares the answers with those of an engine in this process: tokens and the hashes of all logits.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { convert } from '../../../model/convert/convert.ts';
import { loadCase, writeOracleCheckpoint } from '../../oracle/rebuild.ts';
import { answer, startTinyEngine } from '../../support/engines/tiny-engine.ts';
import { byteTokenizerFiles } from '../../support/models/byte-tokenizer.ts';
import { startCli } from '../../support/process.ts';
import { complete, startConnected } from '../gateway.ts';

const maxTokens = 12;

/** A tokenizer with the first `size` bytes. Prompts of these tests are ids, so the other bytes are not needed. */
function tokenizerOf(size: number) {
  const files = byteTokenizerFiles() as {
    'tokenizer.json': { model: { vocab: Record<string, number> } };
    'tokenizer_config.json': Record<string, unknown>;
  };
  const whole = files['tokenizer.json'];
  const vocab = Object.fromEntries(Object.entries(whole.model.vocab).filter(([, id]) => id < size));
  return { ...whole, added_tokens: [], model: { ...whole.model, vocab } };
}

/** An address of a shard that holds the experts `experts` of all layers. */
async function startShard(model: string, experts: string): Promise<string> {
  const flags = ['--experts', experts, '--port', '0', '--log-level', 'warn'];
  const shard = startCli(['shard', '--model', model, ...flags]);
  const [, address = ''] = await shard.says(/shard ready on (\S+):/);
  return address;
}

// Windows, sinks and biases; chunks, dense layers between and weights on inputs; two dense first layers, shared experts and groups.
it.each([
  ['gpt_oss-1', 3],
  ['llama4_text-1', 2],
  ['glm4_moe-3', 1],
] as const)('%s gives the same answers over three shards as in one process', async (name, hops) => {
  const dir = await mkdtemp(join(tmpdir(), 'layouts-'));
  try {
    const each = await loadCase(name);
    const model = join(dir, 'to');
    await writeOracleCheckpoint(join(dir, 'from'), each);
    await writeFile(join(dir, 'from', 'tokenizer.json'), JSON.stringify(tokenizerOf(each.vocab)));
    await convert({ from: join(dir, 'from'), to: model, bits: 8, workers: 1 });

    const tiny = await startTinyEngine({ bundle: model, threads: 1 });
    const { layers, experts } = tiny.engine.info;
    expect(layers).toBe(hops);
    const request = { prompt: Int32Array.from(each.tokens), maxTokens, temperature: 0.8, seed: 7 };
    const expected = await answer(tiny.engine, request);
    expect(expected.ids).toHaveLength(maxTokens);
    await tiny.close();

    const third = Math.floor(experts / 3);
    const ranges = [`0-${third - 1}`, `${third}-${2 * third - 1}`, `${2 * third}-${experts - 1}`];
    const shards = await Promise.all(ranges.map((range) => startShard(model, range)));
    const gateway = await startConnected(model, shards);
    const body = {
      ...{ prompt: each.tokens, max_tokens: maxTokens, temperature: 0.8, top_p: 0.95, seed: 7 },
      ...{ return_token_ids: true, expertgrid: { digests: true } },
    };
    const told = await complete(gateway, body);
    expect(told.choices[0]).toMatchObject({ token_ids: expected.ids });
    expect(told.expertgrid.digests).toEqual([expected.digests]);
  } finally {
    await rm(dir, { recursive: true });
  }
});
