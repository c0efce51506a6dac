// What a placement planned from heat gains: `node bench/fleet/placement.ts [--model DIR] [--shards 4] [--streams 8]
// [--tokens 96] [--seeds 4]`. Continues half of the sentences of held-out.json, counts the rows of each expert (the heat) and
// plans from these counts. Then continues the other half over shards in this thread, with the planned placements and with
// contiguous placement. Prints what was predicted and what was counted; the last line is JSON.
import { availableParallelism } from 'node:os';
import { modelDirectory } from '../../cli/files.ts';
import { loadTokenizer } from '../../gateway/api/text/tokenizer.ts';
import type { HeatReport } from '../../gateway/engine/messages.ts';
import type { Heat } from '../../infra/placement/heat.ts';
import { contiguous, hottestOf, type Layout } from '../../infra/placement/layout.ts';
import { plan } from '../../infra/placement/plan.ts';
import { type Prediction, predict } from '../../infra/placement/predict.ts';
import { defaultCost } from '../../infra/placement/step-cost.ts';
import { staying } from '../../infra/placement/together.ts';
import { readManifest } from '../../model/bundle/manifest.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { readFlags } from '../flags.ts';
import { generate, openEngine } from '../in-process.ts';
import { heldOutTexts, readConfig } from '../inputs.ts';
import { table } from '../print.ts';
import { mean, sum } from '../statistics.ts';

const flags = readFlags({
  model: 'nano',
  shards: '4',
  streams: '8',
  tokens: '96',
  /** How many times each sentence is continued, each time with another seed. */
  seeds: '4',
});
const model = modelDirectory(flags.model);
const [shards, streams, tokens, seeds] = [flags.shards, flags.streams, flags.tokens, flags.seeds].map(
  Number,
) as [number, number, number, number];
const { layers, experts } = unitShape(await readConfig(model));
const manifest = await readManifest(model);

/** Calls of the shards in one run. */
interface Counted {
  /** `[layers][shards]`: number of rows. */
  rows: number[][];
  /** Mean number of frames in a step, over the steps that have exactly `streams` rows. */
  frames: number;
  heat: HeatReport;
}

interface RunOptions {
  /** Number of prompts that are continued at the same time. */
  concurrent?: number;
  maxTokens?: number;
  /** How many times each prompt is continued, each time with another seed. */
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
  `Heat of ${rowsOf(first.heat)} rows a layer from ${learned.length} prompts. Run over ${unseen.length} other prompts with ${streams} streams.`,
);
for (const [name, layout] of placements) {
  const predicted = predict(layout, { heat, shards, rows: streams, cost: defaultCost(unitBytes) });
  const counted = await run(layout, unseen);
  // Steps with `streams` rows of a single text: its prompt is computed in chunks of this size.
  const one = await run(layout, unseen, { concurrent: 1, maxTokens: 1, passes: 1, prefillRows: streams });
  const compared = compare(layout, predicted, counted);
  lines.push({ name, ...compared, framesOfOneText: one.frames, units: layout.flat(2).length });
}
const head = [
  'placement',
  'hottest / mean shard, predicted',
  'counted',
  'frames a step, predicted',
  'counted',
  'of one text',
  'rows that stay, predicted',
  'counted',
  'units held',
];
const percent = (share: number, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const cells = lines.map((line) => [
  line.name,
  line.hottestPredicted.toFixed(3),
  line.hottest.toFixed(3),
  line.framesPredicted.toFixed(2),
  line.frames.toFixed(2),
  line.framesOfOneText.toFixed(2),
  percent(line.stayingPredicted ?? 1, 0),
  percent(line.staying, 0),
  String(line.units),
]);
console.log(table(head, cells).join('\n'));
for (const { name, loadError, worstLoadError, framesPredicted, frames } of lines) {
  console.log(
    `Error of the prediction, ${name}: loads ${percent(loadError)} of the mean shard on average, ${percent(worstLoadError)} at most; frames ${percent(framesPredicted / frames - 1)}`,
  );
}
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

/** Continues the prompts over shards that hold what the layout says. */
async function run(
  layout: Layout,
  prompts: readonly Int32Array[],
  { concurrent = streams, maxTokens = tokens, passes = seeds, prefillRows }: RunOptions = {},
): Promise<Counted> {
  const rows = Array.from({ length: layers }, () => new Array<number>(shards).fill(0));
  /** For each step, its rows and its frames, each summed over all layers. */
  const steps = new Map<string, { rows: number; frames: number }>();
  const { engine, close } = await openEngine({
    model,
    threads: availableParallelism(),
    shards,
    holds: ({ layer, expert }, shard) => layout[layer]?.[expert]?.includes(shard) === true,
    onRun: (shard, request) => {
      const asks = request.asks.length / 2;
      rows[request.layer]![shard]! += asks;
      const { rows: before = 0, frames = 0 } = steps.get(request.trace) ?? {};
      steps.set(request.trace, { rows: before + asks, frames: frames + 1 });
    },
    options: { microBatches: 1, ...(prefillRows !== undefined && { prefillRows }) },
  });
  const asks = Array.from({ length: passes }, (_, seed) =>
    prompts.map((prompt) => ({ prompt, seed })),
  ).flat();
  const stream = async () => {
    for (let ask = asks.shift(); ask !== undefined; ask = asks.shift()) {
      const sampling = { temperature: 0.8, seed: ask.seed };
      for await (const _ of generate(engine, { prompt: ask.prompt, maxTokens, sampling }));
    }
  };
  await Promise.all(Array.from({ length: concurrent }, stream));
  const report = await engine.heat({ successors: true });
  await close();
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

/** Ids of each sentence of held-out.json. */
async function readSentences(): Promise<Int32Array[]> {
  const tokenizer = await loadTokenizer(model);
  const sentences = (await heldOutTexts()).flatMap((text) => text.split(/(?<=[.!?]) /));
  return sentences.map((sentence) => Int32Array.from(tokenizer.encodePlain(sentence, { first: true })));
}

/** Number of rows of a layer. */
function rowsOf({ totals }: HeatReport): number {
  return totals.subarray(0, experts).reduce((total, rows) => total + rows, 0);
}

/** Share of each shard in the rows of a layer. */
function sharesOf(rows: readonly number[]): number[] {
  const total = sum(rows);
  return rows.map((count) => count / total);
}
