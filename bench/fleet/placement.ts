// What a plan gains on nano's own heat: `node bench/fleet/placement.ts [--model DIR] [--shards 4] [--streams 8] [--tokens 96]
// [--seeds 4] [--rounds 1]`. Half of the sentences of prose that nano never saw (held-out.json) are continued and their heat
// is planned from; the other half are then run over real shards in this thread that hold what was planned, and beside it
// what contiguous placement gives them. Prints predicted and counted figures; the last line is JSON.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { modelDirectory } from '../../cli/files.ts';
import { ShardService } from '../../experts/service.ts';
import { loadTokenizer } from '../../gateway/api/text/tokenizer.ts';
import { Engine } from '../../gateway/engine/engine.ts';
import type { HeatReport } from '../../gateway/engine/messages.ts';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import type { Heat } from '../../infra/placement/heat.ts';
import { contiguous, hottestOf, type Layout } from '../../infra/placement/layout.ts';
import { plan } from '../../infra/placement/plan.ts';
import { type Prediction, predict } from '../../infra/placement/predict.ts';
import { defaultCost } from '../../infra/placement/step-cost.ts';
import { staying } from '../../infra/placement/together.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { openDenseDevice, openExpertDevice, openHostKernels } from '../../model/devices/open.ts';
import { Fleet } from '../../router/fleet.ts';
import { localMember } from '../../router/shards/member.ts';
import { generate } from '../in-process.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    shards: { type: 'string', default: '4' },
    streams: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '96' },
    /** Times that each sentence is continued, with other seeds. */
    seeds: { type: 'string', default: '4' },
  },
});
const [shards, streams, tokens, seeds] = [flags.shards, flags.streams, flags.tokens, flags.seeds].map(
  Number,
) as [number, number, number, number];

const bundle = await openBundle(modelDirectory(flags.model));
const { config, manifest } = bundle;
const { layers, experts, hidden } = config;
const { identity } = manifest;
const threads = availableParallelism();
const dense = await openDenseDevice({ bundle, threads });
const device = await openExpertDevice({ bundle, threads });
await device.load(
  Array.from({ length: layers * experts }, (_, unit) => {
    return { layer: Math.floor(unit / experts), expert: unit % experts };
  }),
);
const rules = await routingRules(bundle);

/** What the shards of one run were asked for. */
interface Counted {
  /** `[layers][shards]`, rows. */
  rows: number[][];
  /** Of a step with exactly `streams` rows, on average. */
  frames: number;
  heat: HeatReport;
}

interface RunOptions {
  concurrent?: number;
  maxTokens?: number;
  /** Times that each prompt is continued, with other seeds. */
  passes?: number;
  prefillRows?: number;
}

const sentences = await readSentences();
const learned = sentences.filter((_, index) => index % 2 === 0);
const unseen = sentences.filter((_, index) => index % 2 === 1);
const inOrder = contiguous({ layers, experts }, shards);
const first = await run(inOrder, learned);
const heat = heatOf(first.heat);
const unitBytes = manifest.experts[0]?.[0]?.length ?? 1;
const need = Math.ceil((layers * experts) / shards) * unitBytes;

const options = { heat, unitBytes, rows: streams };
const fleet = (memoryBytes: number) =>
  Array.from({ length: shards }, (_, shard) => ({ name: `${shard}`, memoryBytes }));
const bare = plan({ ...options, shards: fleet(need) });
const twice = plan({ ...options, shards: fleet(2 * need), replicas: 2 });
const placements: [string, Layout][] = [
  ['contiguous', inOrder],
  ['plan', bare.layout],
  ['plan, 2 replicas of all', twice.layout],
];
const lines = [];
console.log(
  `heat of ${rowsOf(first.heat)} rows a layer, ${learned.length} prompts; run over ${unseen.length} others, ${streams} streams`,
);
console.log(
  '                        | hottest / mean shard | frames a step               | rows that stay    | units',
);
console.log(
  'placement               | predicted    counted | predicted  counted one text | predicted counted | held',
);
for (const [name, layout] of placements) {
  const predicted = predict(layout, { heat, shards, rows: streams, cost: defaultCost(unitBytes) });
  const counted = await run(layout, unseen);
  // The same number of rows a step, but all of one text: a prompt in small pieces.
  const one = await run(layout, unseen, { concurrent: 1, maxTokens: 1, passes: 1, prefillRows: streams });
  const line = {
    name,
    ...compare(layout, predicted, counted),
    framesOfOneText: one.frames,
    units: layout.flat(2).length,
  };
  lines.push(line);
  const at = (value: number, width: number, digits = 2) => value.toFixed(digits).padStart(width);
  console.log(
    `${name.padEnd(23)} | ${at(line.hottestPredicted, 9, 3)} ${at(line.hottest, 10, 3)} | ${at(line.framesPredicted, 9)} ${at(line.frames, 8)} ${at(line.framesOfOneText, 8)} | ${at(100 * (line.stayingPredicted ?? 1), 7, 0)} % ${at(100 * line.staying, 5, 0)} % | ${line.units}`,
  );
  console.log(
    `  error of the prediction: loads ${(100 * line.loadError).toFixed(1)} % of the mean shard on average, ${(100 * line.worstLoadError).toFixed(1)} % at most; frames ${(100 * (line.framesPredicted / line.frames - 1)).toFixed(1)} %`,
  );
}
await device.dispose();
await dense.dispose();
await bundle.close();
console.log(JSON.stringify({ model: flags.model, shards, streams, tokens, seeds, fewer: bare.fewer, lines }));

function compare(layout: Layout, predicted: Prediction, { rows, frames, heat: met }: Counted) {
  const hottest = rows.map((ofLayer) => hottestOf(Float64Array.from(sharesOf(ofLayer))));
  const errors = rows.flatMap((ofLayer, layer) =>
    sharesOf(ofLayer).map((share, shard) => Math.abs(share - predicted.loads[layer]![shard]!) * shards),
  );
  return {
    hottestPredicted: predicted.hottest,
    hottest: mean(hottest),
    framesPredicted: predicted.frames,
    frames,
    stayingPredicted: predicted.staying,
    staying: staying(layout, heatOf(met).successors ?? []),
    loadError: mean(errors),
    worstLoadError: Math.max(...errors),
  };
}

/** Continues the prompts, so many at a time, over shards that hold what the layout says. */
async function run(
  layout: Layout,
  prompts: readonly Int32Array[],
  { concurrent = streams, maxTokens = tokens, passes = seeds, prefillRows }: RunOptions = {},
): Promise<Counted> {
  const rows = Array.from({ length: layers }, () => new Array<number>(shards).fill(0));
  /** Rows of all layers and frames, by step. */
  const steps = new Map<string, { rows: number; frames: number }>();
  const { bits, group } = bundle;
  const model = { identity, layers, experts, hidden };
  const members = Array.from({ length: shards }, (_, shard) => {
    const units = layout.flatMap((holders, layer) =>
      holders.flatMap((held, expert) => (held.includes(shard) ? [{ layer, expert }] : [])),
    );
    const offered = { ...model, content: manifest.contentHash, bits, group };
    const service = new ShardService({ models: [{ device, model: offered, units }], version: 'bench' });
    return localMember(`shard-${shard}`, service.handlers, (request) => {
      const asks = request.asks.length / 2;
      rows[request.layer]![shard]! += asks;
      const { rows: before = 0, frames = 0 } = steps.get(request.trace) ?? {};
      steps.set(request.trace, { rows: before + asks, frames: frames + 1 });
      return service.run(request);
    });
  });
  const fleet = new Fleet({ members, model });
  if (!(await fleet.whenReady(10_000))) throw new Error('the experts are not ready');
  const host = openHostKernels({ bundle });
  const served = { ...host, config, identity, content: manifest.contentHash, dense, fleet, rules };
  const engine = new Engine({
    ...served,
    microBatches: 1,
    ...(prefillRows !== undefined && { prefillRows }),
  });
  const asks = Array.from({ length: passes }, (_, seed) =>
    prompts.map((prompt) => ({ prompt, seed })),
  ).flat();
  let next = 0;
  const stream = async () => {
    for (let ask = asks[next++]; ask !== undefined; ask = asks[next++]) {
      const sampling = { temperature: 0.8, seed: ask.seed };
      for await (const _ of generate(engine, { prompt: ask.prompt, maxTokens, sampling }));
    }
  };
  await Promise.all(Array.from({ length: concurrent }, stream));
  const report = await engine.heat({ successors: true });
  await engine.close(0);
  fleet.close();
  const full = [...steps.values()].filter((step) => step.rows === streams * layers);
  return { rows, frames: mean(full.map(({ frames }) => frames)), heat: report };
}

function heatOf({ counts, successors }: HeatReport): Heat {
  const ofLayer = (layer: number) => Array.from(counts.subarray(layer * experts, (layer + 1) * experts));
  return {
    layers,
    experts,
    counts: Array.from({ length: layers }, (_, layer) => ofLayer(layer)),
    successors,
  };
}

async function readSentences(): Promise<Int32Array[]> {
  const texts: { text: string }[] = JSON.parse(
    await readFile(new URL('../held-out.json', import.meta.url), 'utf8'),
  );
  const tokenizer = await loadTokenizer(modelDirectory(flags.model));
  return texts.flatMap(({ text }) => {
    const found = text.split(/(?<=[.!?]) /);
    return found.map((sentence) => Int32Array.from(tokenizer.encodePlain(sentence, { first: true })));
  });
}

function rowsOf({ totals }: HeatReport): number {
  return totals.subarray(0, experts).reduce((sum, rows) => sum + rows, 0);
}

function sharesOf(rows: readonly number[]): number[] {
  const total = rows.reduce((sum, count) => sum + count, 0);
  return rows.map((count) => count / total);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
