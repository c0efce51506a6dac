// Speed with and without drafts (`speculate`): `node bench/parts/speculation.ts [--model DIR] [--tokens 160] [--rounds 5]
// [--streams 1,8]`. Without --model, it converts nano to 4 bits. Prompts are the passages of held-out.json, on which nano
// was not trained. Every run has a process of its own, alternately with and without drafts, and both must give the same
// ids. Prints medians; the last line is JSON.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { loadTokenizer } from '../../gateway/api/text/tokenizer.ts';
import { convert } from '../../model/convert/convert.ts';
import { exportCheckpoint } from '../../scripts/export-checkpoint.ts';
import { readFlags } from '../flags.ts';
import { generate, openEngine } from '../in-process.ts';
import { heldOutTexts } from '../inputs.ts';
import { table } from '../print.ts';
import { median } from '../statistics.ts';

/** How many times each stream continues every passage. */
const PASSES = 4;

interface Run {
  /** Tokens a second of all streams together. */
  rate: number;
  /** Drafted tokens, and how many of them were accepted. */
  guessed: number;
  kept: number;
  ids: number[][];
}

const here = fileURLToPath(import.meta.url);
const flags = readFlags({
  model: undefined,
  tokens: '160',
  rounds: '5',
  streams: '1,8',
  threads: String(availableParallelism()),
  /** For a child process: one run with these settings, `SPECULATE,STREAMS,TEMPERATURE`. */
  run: undefined,
});

if (flags.run === undefined) await compare();
else {
  const [speculate, streams, temperature] = flags.run.split(',').map(Number);
  const found = await runOnce(speculate === 1, streams ?? 1, temperature ?? 0);
  process.stdout.write(JSON.stringify(found));
}

async function compare(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'expertgrid-speculation-'));
  try {
    const model = flags.model ?? (await nanoFor(folder));
    const lines = [];
    for (const streams of flags.streams.split(',').map(Number)) {
      for (const temperature of [0, 0.8]) {
        lines.push({ streams, temperature, ...measure(model, streams, temperature) });
      }
    }
    const rows = lines.map(({ streams, temperature, without, with: drafting, ratio, guessed, kept }) => [
      String(streams),
      String(temperature),
      without.toFixed(0),
      drafting.toFixed(0),
      `${ratio.toFixed(2)}x`,
      guessed === 0 ? 'none drafted' : `${kept} of ${guessed} (${Math.round((100 * kept) / guessed)} %)`,
    ]);
    const head = ['streams', 'temperature', 'tokens/s without drafts', 'with', 'ratio', 'drafts accepted'];
    console.log(table(head, rows).join('\n'));
    console.log(JSON.stringify({ model: flags.model ?? 'nano at 4 bits', lines }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function measure(model: string, streams: number, temperature: number) {
  const runs: { without: Run; with: Run }[] = [];
  for (let round = 0; round < Number(flags.rounds); round++) {
    const start = (speculate: boolean): Run => {
      const run = ['--run', [Number(speculate), streams, temperature].join()];
      const own = ['--model', model, '--tokens', flags.tokens, '--threads', flags.threads, ...run];
      return JSON.parse(execFileSync(process.execPath, [here, ...own], { encoding: 'utf8' })) as Run;
    };
    const first = start(round % 2 === 1);
    const second = start(round % 2 === 0);
    const [plain, drafting] = round % 2 === 0 ? [first, second] : [second, first];
    if (!isDeepStrictEqual(plain.ids, drafting.ids)) throw new Error('drafts changed an answer');
    runs.push({ without: plain, with: drafting });
  }
  const of = (value: (run: (typeof runs)[number]) => number) => median(runs.map(value)) ?? Number.NaN;
  return {
    without: of(({ without }) => without.rate),
    with: of((run) => run.with.rate),
    ratio: of((run) => run.with.rate / run.without.rate),
    ratios: runs.map((run) => Number((run.with.rate / run.without.rate).toFixed(3))),
    guessed: of((run) => run.with.guessed),
    kept: of((run) => run.with.kept),
  };
}

async function runOnce(speculate: boolean, streams: number, temperature: number): Promise<Run> {
  if (flags.model === undefined) throw new Error('--run needs --model');
  const tokenizer = await loadTokenizer(flags.model);
  const prompts = (await heldOutTexts()).map((text) => Int32Array.from(tokenizer.encode(text)));
  const { engine, close } = await openEngine({
    model: flags.model,
    threads: Number(flags.threads),
    options: { speculate },
  });
  const answer = async (prompt: Int32Array, seed: number) => {
    const sampling = { temperature, topP: temperature === 0 ? 1 : 0.95, seed };
    const ids: number[] = [];
    let firstAt = 0;
    for await (const id of generate(engine, { prompt, maxTokens: Number(flags.tokens), sampling })) {
      if (ids.push(id) === 1) firstAt = performance.now();
    }
    return { ids, firstAt };
  };
  for (const prompt of prompts.slice(0, 2)) await answer(prompt, 0); // compiles the code and touches the weights
  const ids: number[][] = [];
  let ms = 0;
  let tokens = 0;
  const all = Array.from({ length: PASSES * streams }, () => prompts).flat();
  for (let at = 0; at < all.length; at += streams) {
    const answers = await Promise.all(
      all.slice(at, at + streams).map((prompt, n) => answer(prompt, at + n + 1)),
    );
    ms += performance.now() - Math.max(...answers.map(({ firstAt }) => firstAt));
    tokens += answers.reduce((sum, one) => sum + one.ids.length - 1, 0);
    ids.push(...answers.map((one) => one.ids));
  }
  const { guessed_tokens: guessed = 0, kept_guesses: kept = 0 } = (await engine.status()).counters;
  await close();
  return { rate: (1_000 * tokens) / ms, guessed, kept, ids };
}

/** Converts nano from its weights at 16 bits to 4 bits. Returns the directory of the bundle. */
async function nanoFor(folder: string): Promise<string> {
  const checkpoint = join(folder, 'checkpoint');
  const bundle = join(folder, 'nano');
  await exportCheckpoint(fileURLToPath(new URL('../../test/fixtures/nano-16', import.meta.url)), checkpoint);
  await convert({ from: checkpoint, to: bundle, bits: 4 });
  return bundle;
}
