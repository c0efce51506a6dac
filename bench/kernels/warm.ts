// What `warm` gains: `node bench/kernels/warm.ts [--gap 100] [--layers 3000]`. Runs the kernels of a layer for one row at full size,
// with a pause of `--gap` µs before and after the expert together, in which a step runs JavaScript or waits for a shard. Every second
// pass warms. Prints µs a layer; the last line is JSON.
//
// Other processes may use the cores. Only layers count in which the process had two cores nearly all the time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FileMap, type Kernels, kernels as loaded, missingReason } from '../../kernels/kernels.ts';
import { matrixBytes } from '../../model/tiles.ts';
import { readFlags } from '../flags.ts';
import { percentile } from '../statistics.ts';

if (loaded === undefined) throw new Error(missingReason);
const kernels: Kernels = loaded;
const flags = readFlags({ gap: '100', layers: '3000' });
const gapMs = Number(flags.gap) / 1000;

const hidden = 1536;
const inner = 768;
const heads = 16;
const kvHeads = 4;
const headDim = 96;
const experts = 96;
/** Layers in the file, 5.3 MB each: more than a cache holds. */
const LAYERS = 45;
/** CPU time of two threads that run all the time, as a multiple of the elapsed time, less the error of both clocks. */
const BOTH = 1.85;

type Layer = ReturnType<typeof readLayer>;

function readLayer(map: FileMap, layer: number) {
  let at = layer * layerBytes;
  const take = (rows: number, cols: number) => {
    const matrix = kernels.matrix(map, at, rows, cols, 4);
    at += matrixBytes('q4', rows, cols);
    return matrix;
  };
  const kv = kvHeads * headDim;
  return {
    q: take(hidden, hidden),
    k: take(kv, hidden),
    v: take(kv, hidden),
    o: take(hidden, hidden),
    expert: kernels.expert(take(inner, hidden), take(inner, hidden), take(hidden, inner)),
    router: new Float32Array(experts * hidden).fill(0.5),
  };
}

const layerBytes =
  2 * matrixBytes('q4', hidden, hidden) +
  2 * matrixBytes('q4', kvHeads * headDim, hidden) +
  3 * matrixBytes('q4', inner, hidden);

/** Returns a function that runs a layer. */
function openLayers(count: number): (layer: Layer, next: Layer, index: number, warms: boolean) => void {
  const cache = kernels.cache(1, count, kvHeads, headDim);
  const spans = kernels.spans(cache, Int32Array.of(0), Int32Array.of(0, 1, 15, 1));
  const row = () => new Float32Array(hidden).fill(0.1);
  const [stream, norm, x, q, attended, output, answer] = [row(), row(), row(), row(), row(), row(), row()];
  const [k, v] = [new Float32Array(kvHeads * headDim), new Float32Array(kvHeads * headDim)];
  const [cos, sin] = [new Float32Array(headDim / 2), new Float32Array(headDim / 2)];
  const scores = new Float32Array(experts);
  return (layer, next, index, warms) => {
    kernels.rmsnorm(stream, norm, 1e-6, x, 1);
    kernels.product(x, 1, [layer.q, layer.k, layer.v], [q, k, v]);
    if (warms) kernels.warm([layer.o], layer.router);
    kernels.rotate(spans, index, q, k, v, cos, sin, heads, undefined, undefined, 1e-6);
    kernels.attention(spans, index, q, heads, 0.1, attended);
    kernels.product(attended, 1, [layer.o], [output]);
    kernels.addRmsnorm(stream, output, norm, 1e-6, stream, x, 1);
    kernels.scores(x, layer.router, experts, hidden, scores, 1);
    if (warms) kernels.warm([next.q, next.k, next.v, next.o]);
    pause(gapMs / 2);
    kernels.experts(x, [layer.expert], Int32Array.of(1), answer);
    kernels.combine(stream, answer, Float32Array.of(0.1), 1, hidden, 1);
    pause(gapMs / 2);
    stream.fill(0.1);
  };
}

function pause(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function bench(file: string): void {
  const map = kernels.map(file);
  kernels.advise(map, 0, map.bytes, 'populate');
  const layers = Array.from({ length: LAYERS }, (_, i) => readLayer(map, i));
  const run = openLayers(LAYERS);
  kernels.setThreads(2);
  const times = { cold: [] as number[], warm: [] as number[] };
  for (let count = 0; count < Number(flags.layers); count++) {
    const index = count % LAYERS;
    const warms = Math.floor(count / LAYERS) % 2 === 1;
    const cpu = process.cpuUsage();
    const start = performance.now();
    run(layers[index]!, layers[(index + 1) % LAYERS]!, index, warms);
    const microseconds = (performance.now() - start) * 1000;
    const { user, system } = process.cpuUsage(cpu);
    // The first layer of a pass follows a layer of the other kind.
    if (index > 0 && user + system > BOTH * microseconds) times[warms ? 'warm' : 'cold'].push(microseconds);
  }
  for (const [name, values] of Object.entries(times)) {
    const [low, half] = [0.1, 0.5].map((share) => percentile(values, share).toFixed(0));
    console.log(`${name}: ${half} µs a layer, first decile ${low} µs (${values.length} layers counted)`);
  }
  const medians = Object.entries(times).map(([name, values]) => [name, percentile(values, 0.5)]);
  console.log(JSON.stringify({ gapUs: Number(flags.gap), ...Object.fromEntries(medians) }));
}

const folder = mkdtempSync(join(tmpdir(), 'expertgrid-warm-'));
try {
  const file = join(folder, 'weights');
  // The speed does not depend on the values of the weights.
  writeFileSync(file, Buffer.alloc(LAYERS * layerBytes, 1));
  bench(file);
} finally {
  rmSync(folder, { recursive: true });
}
