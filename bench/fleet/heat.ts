// Cost of counting heat: `node bench/fleet/heat.ts [--model nano] [--tokens 200]`. Counts drawn assignments at nano's shape and at
// Sigma-MoE-Tiny's, and runs the model in this thread to see what share of its step that is. Prints nanoseconds a row and
// layer; the last line is JSON.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { modelDirectory } from '../../cli/files.ts';
import { Heat } from '../../router/heat.ts';
import { generate, openEngine } from '../in-process.ts';
import { median } from '../load/rate.ts';

const { values: flags } = parseArgs({
  options: { model: { type: 'string', default: 'nano' }, tokens: { type: 'string', default: '200' } },
});

/** Median over rounds of so many steps each. */
const ROUNDS = 15;
const STEPS = 400;

interface Shape {
  layers: number;
  experts: number;
  rows: number;
}

const nano = { layers: 6, experts: 96 };
const sigma = { layers: 56, experts: 96 };
const lines = [];
console.log('shape           | rows | ns a row and layer | of a step');
for (const rows of [1, 8, 64]) {
  const ns = nanoseconds({ ...nano, rows });
  const stepMs = rows > 8 ? undefined : await stepTime(rows);
  const share = stepMs === undefined ? undefined : (ns * nano.layers * rows) / (stepMs * 1e6);
  lines.push({ shape: 'nano', rows, ns, stepMs, share });
  print('nano', rows, ns, share);
}
for (const rows of [1, 8, 64]) {
  const ns = nanoseconds({ ...sigma, rows });
  lines.push({ shape: 'sigma-moe-tiny', rows, ns });
  print('sigma-moe-tiny', rows, ns, undefined);
}
console.log(JSON.stringify({ model: flags.model, lines }));

function print(shape: string, rows: number, ns: number, share: number | undefined): void {
  const ofStep = share === undefined ? '' : `${(100 * share).toFixed(3)} %`;
  console.log(
    `${shape.padEnd(15)} | ${String(rows).padStart(4)} | ${ns.toFixed(1).padStart(18)} | ${ofStep.padStart(8)}`,
  );
}

/** A whole step's counting, beginning included, for each row and layer of it. */
function nanoseconds({ layers, experts, rows }: Shape): number {
  const heat = new Heat({ layers, experts });
  const mask = new Uint8Array(rows).fill(1);
  // Drawn once, as many as a cache would not hide: experts change from row to row and step to step.
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

/** Milliseconds between tokens of `streams` that generate at once. */
async function stepTime(streams: number): Promise<number> {
  const open = await openEngine({
    model: modelDirectory(flags.model),
    threads: availableParallelism(),
    options: {},
  });
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
