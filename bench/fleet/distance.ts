// Speed over shards that are a network away, in one micro-batch, in as many as the engine chooses, and with drafts:
// `node bench/fleet/distance.ts [--model DIR] [--shards 1] [--distances in-process,0,0.25,1,3] [--streams 1,4,8,16]
// [--variants one,chosen,drafts] [--temperature 0.8] [--prompt 64] [--tokens 128] [--rounds 7] [--threads 1]`. The variants
// `two` and `four` are that many micro-batches. A relay before each shard delays messages by `--distances` milliseconds in
// each direction. In each round every engine continues the same prompts, and must give the same ids. Every second round runs
// in reverse order. Prints medians; the last line is JSON.
import { cpus, loadavg } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { loadTokenizer } from '../../gateway/api/text/tokenizer.ts';
import type { EngineOptions } from '../../gateway/engine/engine.ts';
import { type Member, socketMember } from '../../router/shards/member.ts';
import { type Address, parseAddress } from '../../rpc/address.ts';
import { startRelayThread } from '../../test/support/network/relay-thread.ts';
import { commitHere } from '../commit.ts';
import { readFlags } from '../flags.ts';
import { generate, type OpenEngine, openEngine } from '../in-process.ts';
import { heldOutTexts, readConfig } from '../inputs.ts';
import { table } from '../print.ts';
import { mean, median, sum } from '../statistics.ts';
import { SHARD_READY, startOurs } from '../up-process.ts';

const flags = readFlags({
  model: 'nano',
  shards: '1',
  distances: 'in-process,0,0.25,1,3',
  streams: '1,4,8,16',
  variants: 'one,chosen,drafts',
  temperature: '0.8',
  /** Tokens of each prompt. */
  prompt: '64',
  rounds: '7',
  /** Rounds before the first that counts. The engines learn in them. */
  warm: '2',
  /** Tokens of each answer. */
  tokens: '128',
  threads: '1',
});

const IN_PROCESS = 'in-process';
const variants: Record<string, Partial<EngineOptions>> = {
  one: { microBatches: 1 },
  two: { microBatches: 2 },
  four: { microBatches: 4 },
  chosen: {},
  drafts: { speculate: true },
};

interface Measured {
  /** Generated ids of each stream. */
  ids: number[][];
  tokensPerSecond: number;
  /** CPU time of the engine's thread for a token. */
  cpuMs: number;
  /** Mean number of micro-batches of a step. */
  batches: number;
  /** Steps of the engine for a token of each stream. */
  steps: number;
  /** Drafted tokens, and how many of them were accepted. */
  drafted: number;
  accepted: number;
}

/** An engine with shards at this distance. */
interface Subject {
  /** Milliseconds in each direction, or `IN_PROCESS`. */
  distance: string;
  variant: string;
  engine: OpenEngine;
}

const model = modelDirectory(flags.model);
const { experts, vocab } = await readConfig(model);
const prompts = await readPrompts();
const counts = flags.streams.split(',').map(Number);
const [rounds, warm] = [Number(flags.rounds), Number(flags.warm)];
const closers: (() => Promise<unknown>)[] = [];
try {
  const subjects = await open();
  const samples = subjects.map(() => counts.map((): Measured[] => []));
  for (let round = 0; round < warm + rounds; round++) {
    for (const [j, streams] of counts.entries()) {
      const order = [...subjects.entries()];
      let answers: number[][] | undefined;
      for (const [i, subject] of round % 2 === 0 ? order : order.toReversed()) {
        const measured = await measure(subject.engine, streams, round);
        answers ??= measured.ids;
        if (!isDeepStrictEqual(measured.ids, answers)) throw new Error('an engine changed an answer');
        if (round >= warm) samples[i]![j]!.push(measured);
      }
    }
  }
  report(subjects, samples);
} finally {
  for (const close of closers.toReversed()) await close();
}

/** Prompts of held-out prose, or of random ids if the model has no tokenizer of its own. */
async function readPrompts(): Promise<Int32Array[]> {
  const length = Number(flags.prompt);
  if (flags.model !== 'nano') {
    return Array.from({ length: 64 }, (_, n) =>
      Int32Array.from({ length }, (_, i) => (7919 * (n + 1) * (i + 1) + ((i * i) % 101)) % vocab),
    );
  }
  const tokenizer = await loadTokenizer(model);
  return (await heldOutTexts()).map((text) => Int32Array.from(tokenizer.encode(text).slice(0, length)));
}

async function open(): Promise<Subject[]> {
  const shards = [];
  for (const held of split(experts, Number(flags.shards))) {
    const args = ['shard', '--model', model, '--experts', held, '--port', '0', '--threads', flags.threads];
    const shard = await startOurs(args, SHARD_READY, { printErrors: false });
    closers.push(() => shard.stop());
    shards.push(parseAddress(shard.address));
  }
  const subjects: Subject[] = [];
  for (const distance of flags.distances.split(',')) {
    const members = distance === IN_PROCESS ? undefined : await relayed(shards, Number(distance));
    for (const variant of flags.variants.split(',')) {
      const options = { ...variants[variant], kvMemory: 2 ** 28 };
      const place = members === undefined ? {} : { members };
      const engine = await openEngine({ model, threads: Number(flags.threads), options, ...place });
      closers.push(() => engine.close());
      subjects.push({ distance, variant, engine });
    }
  }
  return subjects;
}

/** Members for the shards, behind relays that delay messages by `delayMs` in each direction. */
async function relayed(shards: readonly Address[], delayMs: number): Promise<Member[]> {
  const relays = await Promise.all(shards.map((to) => startRelayThread({ to, delayMs })));
  for (const relay of relays) closers.push(() => relay.close());
  return relays.map(({ address }) => socketMember(address));
}

/** Continues one prompt with each stream, and counts tokens while all streams decode. */
async function measure({ engine }: OpenEngine, streams: number, round: number): Promise<Measured> {
  const { counters: before } = await engine.status();
  const window = { startedAt: Number.NaN, endedAt: Number.NaN, cpu: 0, tokens: 0 };
  let begun = 0;
  const temperature = Number(flags.temperature);
  const sampling = { temperature, topP: temperature === 0 ? 1 : 0.95 };
  const continuePrompt = async (n: number) => {
    const prompt = prompts[(n + round * streams) % prompts.length]!;
    const ask = {
      prompt,
      maxTokens: Number(flags.tokens),
      sampling: { ...sampling, seed: 100 * round + n + 1 },
    };
    const ids: number[] = [];
    for await (const id of generate(engine, ask)) {
      ids.push(id);
      if (ids.length === 1 && ++begun === streams) {
        window.startedAt = performance.now();
        window.cpu = threadCpuMs();
      } else if (begun === streams && Number.isNaN(window.endedAt)) window.tokens++;
    }
    if (Number.isNaN(window.endedAt)) {
      window.endedAt = performance.now();
      window.cpu = threadCpuMs() - window.cpu;
    }
    return ids;
  };
  const ids = await Promise.all(Array.from({ length: streams }, (_, n) => continuePrompt(n)));
  const { counters: after } = await engine.status();
  const grown = (name: string) => (after[name] ?? 0) - (before[name] ?? 0);
  return {
    ids,
    tokensPerSecond: (1_000 * window.tokens) / (window.endedAt - window.startedAt),
    cpuMs: window.cpu / window.tokens,
    batches: grown('micro_batches') / grown('steps'),
    steps: (grown('steps') * streams) / grown('generated_tokens'),
    drafted: grown('guessed_tokens'),
    accepted: grown('kept_guesses'),
  };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function report(subjects: readonly Subject[], samples: readonly Measured[][][]): void {
  const lines = counts.flatMap((streams, j) =>
    subjects.map(({ distance, variant }, i) => {
      const own = samples[i]![j]!;
      const of = (name: Exclude<keyof Measured, 'ids'>) =>
        median(own.map((each) => each[name])) ?? Number.NaN;
      /** Median over rounds of this subject's speed divided by that of another. */
      const ratio = (name: 'tokensPerSecond' | 'cpuMs', isOther: (subject: Subject) => boolean) => {
        const others = samples[subjects.findIndex(isOther)]![j]!;
        return median(own.map((each, round) => each[name] / others[round]![name])) ?? Number.NaN;
      };
      const isFirst = (subject: Subject) => subject.distance === distance;
      return {
        streams,
        distance,
        variant,
        tokensPerSecond: of('tokensPerSecond'),
        speed: ratio('tokensPerSecond', isFirst),
        cpu: ratio('cpuMs', isFirst),
        ofFirstDistance: ratio('tokensPerSecond', (subject) => subject.variant === variant),
        batches: of('batches'),
        steps: mean(own.map(({ steps }) => steps)),
        drafted: sum(own.map(({ drafted }) => drafted)),
        accepted: sum(own.map(({ accepted }) => accepted)),
      };
    }),
  );
  const [firstVariant, firstDistance] = [flags.variants, flags.distances].map((list) => list.split(',')[0]);
  const head = [
    'streams',
    'ms each way',
    'variant',
    'tokens/s',
    `of ${firstVariant}`,
    'CPU time of a token',
    `of ${firstDistance}`,
    'micro-batches',
    'steps a token',
    'drafts accepted',
  ];
  const x = (ratio: number) => `${ratio.toFixed(3)}x`;
  const cells = lines.map((line) => [
    String(line.streams),
    line.distance,
    line.variant,
    line.tokensPerSecond.toFixed(0),
    x(line.speed),
    x(line.cpu),
    x(line.ofFirstDistance),
    line.batches.toFixed(1),
    line.steps.toFixed(3),
    line.drafted === 0 ? 'none drafted' : `${line.accepted} of ${line.drafted}`,
  ]);
  console.log(table(head, cells).join('\n'));
  const machine = { cpu: cpus()[0]?.model, load: loadavg(), commit: commitHere() };
  console.log(JSON.stringify({ ...flags, ...machine, lines }));
}
