// Cost of counting heat, the number of rows of each expert: `node bench/fleet/heat.ts [--model nano] [--tokens 200]`. Counts
// random assignments at the shapes of the model and of Sigma-MoE-Tiny. Also runs the model in this thread, to compute which share
// of a step the counting takes. Prints nanoseconds for a row and a layer; the last line is JSON.
import { availableParallelism } from 'node:os';
import { modelDirectory } from '../../cli/files.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { Heat } from '../../router/heat.ts';
import { readFlags } from '../flags.ts';
import { generate, openEngine } from '../in-process.ts';
import { table } from '../print.ts';
import { median } from '../statistics.ts';

const flags = readFlags({ model: 'nano', tokens: '200' });

/** The result is the median over `ROUNDS` rounds of `STEPS` steps each. */
const ROUNDS = 15;
const STEPS = 400;

interface Shape {
  layers: number;
  experts: number;
  rows: number;
}

const bundle = await openBundle(modelDirectory(flags.model));
await bundle.close();
const { layers, experts } = bundle.config;
const sigma = { layers: 56, experts: 96 };
const lines = [];
for (const rows of [1, 8, 64]) {
  const ns = nanoseconds({ layers, experts, rows });
  const stepMs = rows > 8 ? undefined : await stepTime(rows);
  const share = stepMs === undefined ? undefined : (ns * layers * rows) / (stepMs * 1e6);
  lines.push({ shape: flags.model, rows, ns, stepMs, share });
}
for (const rows of [1, 8, 64]) {
  lines.push({ shape: 'sigma-moe-tiny', rows, ns: nanoseconds({ ...sigma, rows }) });
}
const cells = lines.map(({ shape, rows, ns, share }) => {
  return [shape, String(rows), ns.toFixed(1), share === undefined ? '' : `${(100 * share).toFixed(3)} %`];
});
console.log(table(['shape', 'rows', 'ns a row and layer', 'share of a step'], cells).join('\n'));
console.log(JSON.stringify({ model: flags.model, lines }));

/** Time to count a whole step, divided by its rows and layers. */
function nanoseconds({ layers, experts, rows }: Shape): number {
  const heat = new Heat({ layers, experts });
  const mask = new Uint8Array(rows).fill(1);
  // With this many assignments, the processor's caches do not help more than they would in service.
  const drawn = Array.from({ length: 997 }, () => ({
    k: 1,
    experts: Uint16Array.from({ length: rows }, () => Math.floor(Math.random() * experts)),
    weights: new Float32Array(rows),
  }));
  let at = 0;
  const times = Array.from({ length: ROUNDS }, () => {
    const from = performance.now();
    for (let step = 0; step < STEPS; step++) {
      const counting = heat.step();
      for (let layer = 0; layer < layers; layer++) counting.count(layer, drawn[at++ % drawn.length]!, mask);
    }
    return ((performance.now() - from) * 1e6) / (STEPS * layers * rows);
  });
  return median(times) ?? Number.NaN;
}

/** Median time between two tokens while `streams` streams generate at once. Milliseconds. */
async function stepTime(streams: number): Promise<number> {
  const open = await openEngine({ model: modelDirectory(flags.model), threads: availableParallelism() });
  try {
    const maxTokens = Number(flags.tokens);
    const stream = async (id: number) => {
      const times: number[] = [];
      const prompt = Int32Array.from({ length: 16 }, (_, i) => 100 + 16 * id + i);
      for await (const _ of generate(open.engine, { prompt, maxTokens })) times.push(performance.now());
      return times;
    };
    const [times = []] = await Promise.all(Array.from({ length: streams }, (_, id) => stream(id)));
    return median(times.slice(1).map((time, i) => time - times[i]!)) ?? Number.NaN;
  } finally {
    await open.close();
  }
}
