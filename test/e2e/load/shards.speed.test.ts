// Decode speed over four shards on this machine, compared with everything in one process. Layers are as wide as those of
// Sigma-MoE-Tiny, but there are fewer layers and experts.
import { copyFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { streamCompletion } from '../../../bench/http.ts';
import { median } from '../../../bench/statistics.ts';
import { synth } from '../../../model/synth.ts';
import { describe as shape } from '../../support/models/checkpoint.ts';
import { configJson } from '../../support/models/checkpoint-config.ts';
import { nano, nanoConfig } from '../../support/models/nano.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { startUp } from '../gateway.ts';

const ROUNDS = 5;
const TOKENS = 64;
/** The bundle gets nano's tokenizer. */
const { vocab: VOCAB } = await nanoConfig();
const LEAST_SHARE = 0.6;

let bundle: string;
beforeAll(async () => {
  const folder = await tinyFolder();
  const widths = { hidden: 1_536, heads: 16, kvHeads: 4, headDim: 96, inner: 768 };
  const config = shape({ ...widths, layers: 12, experts: 32, vocab: VOCAB, context: 1_024 });
  await writeFile(join(folder, 'config.json'), JSON.stringify(configJson(config, { dtype: 'f32' })));
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(nano, name), join(folder, name));
  bundle = join(folder, 'bundle');
  await synth({ shape: join(folder, 'config.json'), to: bundle, bits: 4, seed: 1 });
}, 240_000);

/** Tokens a second of `streams` streams together. */
async function rate(url: string, streams: number): Promise<number> {
  const startedAt = performance.now();
  const all = Array.from({ length: streams }, (_, stream) =>
    streamCompletion(new URL('/v1/completions', url), {
      model: basename(bundle),
      prompt: Array.from({ length: 16 }, (_, i) => (31 * stream + 7 * i + 1) % VOCAB),
      max_tokens: TOKENS,
      ignore_eos: true,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  await Promise.all(all);
  return (1_000 * streams * TOKENS) / (performance.now() - startedAt);
}

it(`four shards give at least ${LEAST_SHARE} of the speed of one process, with 1 and with 8 streams`, async () => {
  const quiet = ['--log-level', 'error', '--no-speculate'];
  const one = await startUp(bundle, [...quiet, '--in-process']);
  const four = await startUp(bundle, [...quiet, '--shards', '4']);
  for (const { url } of [one, four]) for (let turn = 0; turn < 3; turn++) await rate(url, 8); // reads every expert
  for (const streams of [1, 8]) {
    const shares: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const order = round % 2 === 0 ? [one, four] : [four, one];
      const rates = new Map<typeof one, number>();
      for (const each of order) rates.set(each, await rate(each.url, streams));
      shares.push(rates.get(four)! / rates.get(one)!);
    }
    const list = shares.map((share) => share.toFixed(2)).join(', ');
    console.log(
      `measured: four shards at ${streams} streams: ${median(shares)?.toFixed(2)}x of in process (${list})`,
    );
    expect(median(shares)).toBeGreaterThanOrEqual(LEAST_SHARE);
  }
}, 300_000);
