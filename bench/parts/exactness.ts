// Checks that no optimisation changes a bit of a model's answers: `node bench/parts/exactness.ts --model DIR [--prompts 5]
// [--tokens 24]`. Runs the prompts one after another, and then all at once with each optimisation. Every second prompt is
// sampled. Compares the ids and the hashes of the logits that they were chosen from. Exit code 1 if something differs; the last
// line is JSON.
import { availableParallelism } from 'node:os';
import type { EngineOptions } from '../../gateway/engine/engine.ts';
import { uniform } from '../../gateway/engine/sampling/random.ts';
import { PAGE_POSITIONS } from '../../kernels/kernels.ts';
import { positionBytes } from '../comparison/floor.ts';
import { readFlags } from '../flags.ts';
import { generateTokens, type OpenEngine, openEngine } from '../in-process.ts';
import { readConfig } from '../inputs.ts';

const flags = readFlags({ model: undefined, prompts: '5', tokens: '24' });
if (flags.model === undefined) throw new Error('--model DIR is missing: the bundle to check');
const model = flags.model;
const config = await readConfig(model);

const prompts = Array.from({ length: Number(flags.prompts) }, (_, n) => {
  const draw = (_: unknown, i: number) =>
    Math.floor(uniform(n % 2 === 0 && i < 40 ? 9_999 : n, 0, i) * config.vocab);
  return Int32Array.from({ length: 12 + ((37 * n) % 120) }, draw);
});
/** Positions of the longest prompt with its answer. */
const longest = Math.max(...prompts.map(({ length }) => length)) + Number(flags.tokens);
const blockBytes = positionBytes(config) * PAGE_POSITIONS;

interface Case {
  name: string;
  threads?: number;
  shards?: number;
  options?: Partial<EngineOptions>;
  /** Whether every request runs once before the run that is compared, so that its prompt is in the prefix cache. */
  again?: boolean;
  /** A counter of the engine that must rise, because it shows that the optimisation was used. */
  counter?: string;
}

const cases: Case[] = [
  { name: 'a known prefix', again: true, counter: 'cached_prompt_tokens' },
  { name: 'one thread', threads: 1 },
  { name: 'five shards', shards: 5 },
  { name: 'chunks of 8 prompt rows', options: { prefillRows: 8 } },
  { name: 'chunks of 500 prompt rows', options: { prefillRows: 500 } },
  { name: 'three micro-batches', options: { microBatches: 3 } },
  { name: 'guessed tokens', options: { speculate: true, draftPrice: 0.3 } },
  {
    name: 'KV memory for a few',
    // Only two blocks more than the longest sequence needs, so that other sequences are preempted.
    options: { kvMemory: blockBytes * (Math.ceil(longest / PAGE_POSITIONS) + 2) },
    counter: 'preempted_sequences',
  },
];

const results: Record<string, boolean> = {};
const expected = await run({ name: 'alone' }, false);
console.log(
  `${prompts.length} prompts of ${prompts.map(({ length }) => length).join(', ')} ids, ${flags.tokens} tokens each`,
);
for (const each of cases) {
  const found = await run(each, true);
  const same = JSON.stringify(found.answers) === JSON.stringify(expected.answers);
  const worked = each.counter === undefined || (found.counters[each.counter] ?? 0) > 0;
  results[each.name] = same && worked;
  console.log(
    `${each.name.padEnd(28)}${same ? 'the same' : 'DIFFERENT'}${worked ? '' : ', but the optimisation was not used'}`,
  );
}
console.log(JSON.stringify({ prompts: prompts.length, tokens: Number(flags.tokens), results }));
if (Object.values(results).includes(false)) process.exitCode = 1;

async function run(
  { threads = availableParallelism(), shards = 1, options = {}, again = false }: Case,
  atOnce: boolean,
) {
  const opened = await openEngine({ model, threads, shards, options: { prefillRows: 64, ...options } });
  if (again) for (const n of prompts.keys()) await answer(opened, n);
  const answers: string[][] = [];
  if (atOnce) answers.push(...(await Promise.all(prompts.map((_, n) => answer(opened, n)))));
  else for (const n of prompts.keys()) answers.push(await answer(opened, n));
  const { counters } = await opened.engine.status();
  await opened.close();
  return { answers, counters };
}

/** Each token's id and the hash of the logits that it was chosen from. */
async function answer({ engine }: OpenEngine, n: number): Promise<string[]> {
  const sampling = { temperature: n % 2, topP: 0.95, seed: n };
  const tokens: string[] = [];
  for await (const { id, digest } of generateTokens(engine, {
    prompt: prompts[n]!,
    maxTokens: Number(flags.tokens),
    sampling,
    digests: true,
  })) {
    tokens.push(`${id}:${digest}`);
  }
  return tokens;
}
