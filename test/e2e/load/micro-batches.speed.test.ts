// Speed and bits of micro-batches with 16 streams over a hop of 1 ms each way. The engine chooses their number. Layers
// are as wide as those of Sigma-MoE-Tiny, but there are fewer layers, and fewer and larger experts.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { synth } from '../../../model/synth.ts';
import { socketMember } from '../../../router/shards/member.ts';
import { parseAddress } from '../../../rpc/address.ts';
import { type Answer, answer, startTinyEngine, type TinyEngine } from '../../support/engines/tiny-engine.ts';
import { describe as shape } from '../../support/models/checkpoint.ts';
import { configJson } from '../../support/models/checkpoint-config.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { startRelayThread } from '../../support/network/relay-thread.ts';
import { startCli } from '../../support/process.ts';

const STREAMS = 16;
const TOKENS = 96;
const CONTEXT = 1_024;
const ROUNDS = 5;
const VOCAB = 512;

const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Prompts that differ only in their last block. If they are sent again, only their last id is computed. */
const requests = Array.from({ length: STREAMS }, (_, n) => {
  const prompt = Int32Array.from(
    { length: CONTEXT + 33 },
    (_, i) => (7 * i + (i < CONTEXT ? 0 : 31 * n)) % VOCAB,
  );
  return { prompt, maxTokens: TOKENS, temperature: n % 2, seed: n };
});

async function run({ engine }: TinyEngine): Promise<{ answers: Answer[]; rate: number; batches: number }> {
  const { counters: before } = await engine.status();
  const startedAt = performance.now();
  const answers = await Promise.all(requests.map((request) => answer(engine, request)));
  const rate = (1_000 * STREAMS * TOKENS) / (performance.now() - startedAt);
  const { counters: after } = await engine.status();
  const since = (name: string) => (after[name] ?? 0) - (before[name] ?? 0);
  return { answers, rate, batches: since('micro_batches') / since('steps') };
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

let one: TinyEngine;
let chosen: TinyEngine;

beforeAll(async () => {
  const folder = await tinyFolder();
  const widths = { hidden: 1_536, heads: 16, kvHeads: 4, headDim: 96, inner: 1_280 };
  const config = shape({ ...widths, layers: 12, experts: 24, vocab: VOCAB, context: 2_048 });
  await writeFile(join(folder, 'config.json'), JSON.stringify(configJson(config, { dtype: 'f32' })));
  const bundle = join(folder, 'bundle');
  await synth({ shape: join(folder, 'config.json'), to: bundle, bits: 4, seed: 1 });
  const shard = startCli(['shard', '--model', bundle, '--experts', '0-23', '--port', '0', '--threads', '1']);
  const [, address = ''] = await shard.says(/shard ready on (\S+:\d+):/);
  const relay = await startRelayThread({ to: parseAddress(address), delayMs: 1 });
  closers.push(() => relay.close());
  const options = {
    bundle,
    speculate: false,
    threads: 1,
    kvMemory: 2 ** 28,
    members: [socketMember(relay.address)],
  };
  one = await startTinyEngine({ ...options, microBatches: 1 });
  chosen = await startTinyEngine(options);
  closers.push(
    () => one.close(),
    () => chosen.close(),
  );
}, 120_000);

describe(`${STREAMS} streams with 1 ms each way to the experts`, () => {
  it('are not slower in as many micro-batches as the engine chooses than in one, and have the same bits', async () => {
    for (const { engine } of [one, chosen]) await answer(engine, { ...requests[0]!, maxTokens: 1 });
    const { answers } = await run(one);
    await run(chosen); // the engine learns how many micro-batches are fastest
    const rates: { one: number; chosen: number; ratio: number; batches: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const order = round % 2 === 0 ? [one, chosen] : [chosen, one];
      const results = new Map<TinyEngine, Awaited<ReturnType<typeof run>>>();
      for (const engine of order) results.set(engine, await run(engine));
      const [plain, cut] = [results.get(one), results.get(chosen)];
      if (plain === undefined || cut === undefined) throw new Error('an engine did not run');
      expect(plain.answers).toEqual(answers);
      expect(cut.answers).toEqual(answers);
      rates.push({ one: plain.rate, chosen: cut.rate, ratio: cut.rate / plain.rate, batches: cut.batches });
    }
    expect(new Set(answers.flatMap(({ digests }) => digests)).size).toBeGreaterThan((STREAMS * TOKENS) / 2);
    const of = (name: keyof (typeof rates)[number]) => median(rates.map((rate) => rate[name]));
    console.log(
      `measured: ${STREAMS} streams, 1 ms each way: ${of('one').toFixed(0)} tokens/s in one micro-batch, ` +
        `${of('chosen').toFixed(0)} in ${of('batches').toFixed(1)} (mean of a step): ${of('ratio').toFixed(2)}x ` +
        `(${rates.map(({ ratio }) => ratio.toFixed(2)).join(', ')})`,
    );
    // How much is gained depends on the machine: docs/benchmarks.md, "Engine and scheduler".
    expect(of('ratio')).toBeGreaterThanOrEqual(0.95);
  });
});
