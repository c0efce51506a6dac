// What a gateway gains by holding experts itself: `node bench/fleet/home.ts [--model DIR] [--shards 4] [--rounds 3]
// [--tokens 64]`. Starts shards for all experts, measures the heat, and chooses experts for the gateway so that 0, 25, 50
// and 100 % of the rows stay in it: the hottest experts of all layers, and whole layers. Each round starts a fresh gateway
// for each choice, and measures 1 and 8 streams. Prints medians; the last line is JSON.
import { availableParallelism, cpus } from 'node:os';
import { basename } from 'node:path';
import { modelDirectory } from '../../cli/files.ts';
import { split } from '../../cli/flags/split.ts';
import { sharesOf } from '../../infra/placement/heat.ts';
import { chooseHome, type Home, type HomeOrder, homeList } from '../../infra/placement/home.ts';
import { type ReadHeat, readHeat } from '../../infra/placement/read-heat.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { now } from '../engine.ts';
import { readFlags } from '../flags.ts';
import { streamCompletion } from '../http.ts';
import { heldOutTexts, readConfig } from '../inputs.ts';
import { decodeRate } from '../load/rate.ts';
import { table } from '../print.ts';
import { Quiet } from '../quiet.ts';
import { median } from '../statistics.ts';
import { GATEWAY_READY, SHARD_READY, startOurs, untilReady } from '../up-process.ts';

const flags = readFlags({
  model: 'nano',
  shards: '4',
  rounds: '3',
  /** Tokens of each answer. */
  tokens: '64',
  /** How many seconds measurements may wait in all for a quiet machine. */
  wait: '0',
});
const STREAMS = [1, 8] as const;
const SHARES = [0, 0.25, 0.5, 1];
const PROMPT_CHARACTERS = 60;
const silent = { printErrors: false };

const model = modelDirectory(flags.model);
const [shards, rounds, tokens] = [flags.shards, flags.rounds, flags.tokens].map(Number) as [
  number,
  number,
  number,
];
const config = await readConfig(model);
const { layers, experts } = unitShape(config);
const { expertsPerToken: k } = config;
const quiet = new Quiet({ log: console.error, patienceMs: 1_000 * Number(flags.wait) });
const prompts = (await heldOutTexts()).map((text) => text.slice(0, PROMPT_CHARACTERS));
/** The cores are shared as `up` shares them. */
const threads = ['--threads', `${Math.max(1, Math.floor(availableParallelism() / shards))}`];

/** Experts of the gateway. */
interface Choice {
  order: HomeOrder;
  /** Wanted share of the rows. */
  share: number;
  /** For `gateway --experts`; empty for none. */
  list: string;
}

interface Measured {
  tokensPerSecond: number;
  /** Share of the rows that stayed in the gateway. */
  home: number;
  /** Frames to shards in a step. */
  frames: number;
}

const started: Awaited<ReturnType<typeof startOurs>>[] = [];
try {
  for (const held of split(experts, shards)) {
    const args = ['shard', '--model', model, '--experts', held, '--port', '0', ...threads];
    started.push(await startOurs(args, SHARD_READY, silent));
  }
  const choices = choicesFor(await measureHeat());
  const samples = choices.map(() => STREAMS.map((): Measured[] => []));
  for (let round = 0; round < rounds; round++) {
    for (const [i, choice] of choices.entries()) {
      const measured = await withGateway(choice.list, measure);
      for (const [j, each] of measured.entries()) samples[i]![j]!.push(each);
    }
  }
  report(choices, samples);
} finally {
  await Promise.all(started.map((server) => server.stop()));
}

/** The heat of the loads of `measure`. */
async function measureHeat(): Promise<ReadHeat> {
  return await withGateway('', async (url) => {
    await measure(url);
    return readHeat(await (await fetch(new URL('/v1/experts/heat', url))).json());
  });
}

async function withGateway<T>(list: string, use: (url: string) => Promise<T>): Promise<T> {
  const own = list === '' ? [] : ['--experts', list];
  const addresses = started.map(({ address }) => address).join(',');
  const always = ['--port', '0', '--log-level', 'error', '--no-speculate'];
  const args = ['gateway', '--model', model, '--shards', addresses, ...always];
  const gateway = await startOurs([...args, ...threads, ...own], GATEWAY_READY, silent);
  try {
    await untilReady(gateway.address);
    return await use(gateway.address);
  } finally {
    await gateway.stop();
  }
}

/** One result for each number of streams. */
async function measure(url: string): Promise<Measured[]> {
  for (let i = 0; i < 2; i++) await load(url, Math.max(...STREAMS)); // compiles the code and reads the experts
  await quiet.settle();
  const results: Measured[] = [];
  for (const streams of STREAMS) {
    const before = await counters(url);
    const tokensPerSecond = decodeRate(await quiet.measure(() => load(url, streams)));
    const after = await counters(url);
    const grown = (name: string) => after(name) - before(name);
    const steps = grown('expertgrid_engine_steps_total');
    results.push({
      tokensPerSecond,
      home:
        grown('expertgrid_engine_in_process_expert_rows_total') /
        grown('expertgrid_engine_expert_rows_total'),
      frames: grown('frames') / steps,
    });
  }
  return results;
}

async function load(url: string, streams: number) {
  const startedAt = now();
  const asked = Array.from({ length: streams }, (_, i) =>
    streamCompletion(new URL('/v1/completions', url), {
      model: basename(model),
      prompt: prompts[i % prompts.length],
      max_tokens: tokens,
      ignore_eos: true,
      seed: i,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  return { startedAt, streams: await Promise.all(asked) };
}

/** Counters of /metrics by name, and `frames`: calls of shards in other processes. */
async function counters(url: string): Promise<(name: string) => number> {
  const [page, { data }] = await Promise.all([
    fetch(new URL('/metrics', url)).then((response) => response.text()),
    fetch(new URL('/v1/shards', url)).then((response) => response.json()) as Promise<{
      data: { in_process: boolean; calls: number }[];
    }>,
  ]);
  const frames = data.reduce((sum, shard) => sum + (shard.in_process ? 0 : shard.calls), 0);
  return (name) => {
    if (name === 'frames') return frames;
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(page)?.[1]);
  };
}

function choicesFor(heat: ReadHeat): Choice[] {
  return SHARES.flatMap((share): Choice[] => {
    const orders: HomeOrder[] = share === 0 || share === 1 ? ['hottest'] : ['hottest', 'layers'];
    return orders.map((order) => ({ order, share, list: homeList(smallest(heat, order, share)) }));
  });
}

/** The fewest experts, in this order, that keep at least `share` of the rows in the gateway. */
function smallest(heat: ReadHeat, order: HomeOrder, share: number): Home {
  let [low, high] = [0, layers * experts];
  while (low < high) {
    const room = (low + high) >> 1;
    if (shareOf(heat, chooseHome({ heat, room, order, k })) >= share - 1e-9) high = room;
    else low = room + 1;
  }
  return chooseHome({ heat, room: low, order, k });
}

function shareOf(heat: ReadHeat, home: Home): number {
  const all = k.reduce((sum, each) => sum + each, 0);
  const stays = sharesOf(heat).map((shares, layer) => {
    return (
      (k[layer] ?? 1) * shares.reduce((sum, each, expert) => sum + each * (home[layer]?.[expert] ?? 0), 0)
    );
  });
  return stays.reduce((sum, each) => sum + each, 0) / all;
}

function report(choices: readonly Choice[], samples: readonly Measured[][][]): void {
  const middle = (of: readonly Measured[], field: keyof Measured) =>
    median(of.map((each) => each[field])) ?? Number.NaN;
  const lines = choices.map(({ order, share, list }, i) => ({
    share,
    order: share === 0 || share === 1 ? undefined : order,
    experts: list,
    loads: STREAMS.map((streams, j) => {
      const of = samples[i]![j]!;
      const rates = of.map(({ tokensPerSecond }) => tokensPerSecond);
      return {
        streams,
        tokensPerSecond: middle(of, 'tokensPerSecond'),
        ratio: middle(of, 'tokensPerSecond') / middle(samples[0]![j]!, 'tokensPerSecond'),
        home: middle(of, 'home'),
        frames: middle(of, 'frames'),
        rates,
      };
    }),
  }));
  const titles = STREAMS.flatMap((streams) => [
    `tokens/s, ${streams} stream${streams === 1 ? '' : 's'}`,
    'of 0 %',
    'rows home',
    'frames a step',
  ]);
  const percent = (value: number) => `${(100 * value).toFixed(0)} %`;
  const cells = lines.map(({ share, order, loads }) => [
    `${percent(share)}${order === undefined ? '' : ` ${order}`}`,
    ...loads.flatMap(({ tokensPerSecond, ratio, home, frames }) => [
      tokensPerSecond.toFixed(1),
      `${ratio.toFixed(2)}x`,
      percent(home),
      frames.toFixed(1),
    ]),
  ]);
  console.log(table(['share at home', ...titles], cells).join('\n'));
  const cpu = cpus()[0]?.model;
  console.log(JSON.stringify({ model: flags.model, cpu, shards, rounds, tokens, lines }));
}
