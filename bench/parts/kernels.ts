// Times the CPU kernels alone: `node bench/parts/kernels.ts`. Compares the bytes of weights that a kernel reads a second with
// the read bandwidth of the machine, and the speed of products with its multiply peak: the speed of a loop that multiplies and
// adds in registers only. Products of few rows are bound by the bandwidth, and products of many rows by the peak. The last
// line is JSON.
//
// Every figure is the median of several passes. Each pass reads more weights than any cache holds, from a mapped file as
// a server does.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ExpertMatrices,
  type FileMap,
  type Kernels,
  kernels as loaded,
  missingReason,
  PAGE_POSITIONS,
} from '../../kernels/kernels.ts';
import { matrixBytes, quantize } from '../../model/tiles.ts';
import { percentile } from '../statistics.ts';

if (loaded === undefined) throw new Error(missingReason);
const kernels: Kernels = loaded;

const hidden = 1536;
const inner = 768;
const halfBytes = matrixBytes('q4', inner, hidden);
/** Number of 4-bit matrices in the file. Each has 1.3 MB, and the level 3 cache of the machines that are measured has 32 MB. */
const squares = 200;
/** Turns of `kernels.peak` in one measurement: about 3 ms. */
const peakTurns = 1000;
const results: Record<string, number> = {};

/** Seconds of one call of `run`: the median over `passes` passes of `calls` calls each. */
function time(calls: number, run: (call: number) => void, passes = 7): number {
  const seconds: number[] = [];
  for (let pass = 0; pass < passes + 1; pass++) {
    const start = performance.now();
    for (let call = 0; call < calls; call++) run(call);
    if (pass > 0) seconds.push((performance.now() - start) / 1000 / calls);
  }
  return percentile(seconds, 0.5);
}

function report(name: string, value: number, text: string): void {
  results[name] = Number(value.toPrecision(4));
  console.log(`${name.padEnd(34)} ${text}`);
}

function reportTime(name: string, seconds: number, text = `${(seconds * 1e6).toFixed(2)} us`): void {
  report(`${name} us`, seconds * 1e6, text);
}

function writeWeights(file: string): void {
  const one = quantize(floats(hidden * hidden), hidden, hidden, 'q4').data;
  const descriptor = openSync(file, 'w');
  for (let i = 0; i < squares; i++) writeSync(descriptor, one);
  closeSync(descriptor);
}

function floats(count: number): Float32Array {
  return Float32Array.from({ length: count }, () => 2 * Math.random() - 1);
}

function bench(file: string): void {
  const map = kernels.map(file);
  kernels.advise(map, 0, map.bytes, 'huge');
  kernels.advise(map, 0, map.bytes, 'populate');
  const experts = Array.from({ length: Math.floor(map.bytes / (3 * halfBytes)) }, (_, i) => {
    const at = 3 * i * halfBytes;
    return kernels.expert(
      kernels.matrix(map, at, inner, hidden, 4),
      kernels.matrix(map, at + halfBytes, inner, hidden, 4),
      kernels.matrix(map, at + 2 * halfBytes, hidden, inner, 4),
    );
  });
  console.log(`path ${kernels.path()}, ${(map.bytes / 1e6).toFixed(0)} MB of weights`);

  for (const threads of [1, 2]) {
    kernels.setThreads(threads);
    const tag = `${threads}t`;
    const sweep = map.bytes / time(1, () => kernels.sweep(map, 0, map.bytes)) / 1e9;
    report(`read ${tag} GB/s`, sweep, `${sweep.toFixed(1)} GB/s`);

    const peak = kernels.peak(peakTurns) / time(1, () => void kernels.peak(peakTurns)) / 1e9;
    report(`multiply peak ${tag} GOP/s`, peak, `${peak.toFixed(0)} GOP/s`);

    for (const bits of [4, 6, 8] as const) benchProducts(map, bits, tag, { sweep, peak });
    benchExperts(experts, tag, sweep);
    benchAttention(tag, sweep);
    benchRows(tag);
  }
}

/** Text of a time, and of the bytes a second as a share of `sweep`, the read bandwidth in GB/s. */
function reads(seconds: number, bytes: number, sweep: number): string {
  const rate = bytes / seconds / 1e9;
  const share = ((100 * rate) / sweep).toFixed(0);
  return `${(seconds * 1e6).toFixed(1)} us, ${rate.toFixed(1)} GB/s (${share} % of reads)`;
}

/** `sweep` is the read bandwidth in GB/s, `peak` the multiply peak in GOP/s. */
function benchProducts(
  map: FileMap,
  bits: 4 | 6 | 8,
  tag: string,
  { sweep, peak }: { sweep: number; peak: number },
): void {
  const bytes = matrixBytes(`q${bits}`, hidden, hidden);
  // The file has 4-bit weights. The speed of a product does not depend on the values, so they also serve as weights of 6 and 8 bits.
  const matrices = Array.from({ length: Math.floor(map.bytes / bytes) }, (_, i) =>
    kernels.matrix(map, i * bytes, hidden, hidden, bits),
  );
  for (const n of [1, 2, 4, 8, 16, 32, 64, 128, 512]) {
    const x = floats(n * hidden);
    const y = new Float32Array(n * hidden);
    const calls = n <= 8 ? matrices.length : n <= 32 ? 50 : 12;
    const seconds = time(calls, (call) => kernels.product(x, n, [matrices[call % matrices.length]!], [y]), 5);
    const operations = (n * hidden * hidden * 2) / seconds / 1e9;
    const share = peak > 0 ? ` (${((100 * operations) / peak).toFixed(0)} % of the peak)` : '';
    const text = `${reads(seconds, bytes, sweep)}, ${operations.toFixed(0)} GOP/s${share}`;
    reportTime(`product ${bits} bits ${n} rows ${tag}`, seconds, text);
  }
}

function benchExperts(experts: ExpertMatrices[], tag: string, sweep: number): void {
  for (const [groups, rows] of [
    [1, 1],
    [1, 8],
    [70, 1],
    [70, 2],
    [96, 5],
  ] as const) {
    const x = floats(groups * rows * hidden);
    const y = new Float32Array(groups * rows * hidden);
    const counts = new Int32Array(groups).fill(rows);
    const calls = groups === 1 ? experts.length : 3;
    const compute = (call: number) => {
      const first = groups === 1 ? call : 0;
      kernels.experts(x, experts.slice(first, first + groups), counts, y);
    };
    const seconds = time(calls, compute, 5);
    const text = reads(seconds, groups * 3 * halfBytes, sweep);
    reportTime(`experts ${groups} x ${rows} rows ${tag}`, seconds, text);
  }
}

function benchAttention(tag: string, sweep: number): void {
  const heads = 16;
  const kvHeads = 4;
  const headDim = 96;
  // Enough layers that the keys and values of a layer are out of the cache when the layer is read again.
  const layers = 24;
  const positions = 2048;
  const pageCount = positions / PAGE_POSITIONS;
  const cache = kernels.cache(pageCount, layers, kvHeads, headDim);
  const pages = Int32Array.from({ length: pageCount }, (_, i) => (i * 37) % pageCount);
  const cos = new Float32Array((positions * headDim) / 2).fill(1);
  const sin = new Float32Array((positions * headDim) / 2);
  const all = kernels.spans(cache, pages, Int32Array.of(0, pageCount, 0, positions));
  const q = floats(positions * heads * headDim);
  const k = floats(positions * kvHeads * headDim);
  const y = new Float32Array(q.length);
  for (let layer = 0; layer < layers; layer++) {
    kernels.rotate(all, layer, q, k, k, cos, sin, heads, undefined, undefined, 0);
  }
  for (const [start, count] of [
    [15, 1],
    [511, 1],
    [1999, 1],
    [0, 128],
    [0, 512],
  ] as const) {
    const spans = kernels.spans(cache, pages, Int32Array.of(0, pageCount, start, count));
    const calls = count === 1 ? 5 * layers : 4;
    const attend = (call: number) => kernels.attention(spans, call % layers, q, heads, headDim ** -0.5, y);
    const seconds = time(calls, attend, 5);
    const bytes = (start + count) * kvHeads * headDim * 4;
    const operations = count * (start + (count + 1) / 2) * heads * headDim * 4;
    const speed = `${(seconds * 1e6).toFixed(0)} us, ${(operations / seconds / 1e9).toFixed(0)} GFLOP/s`;
    const text = count === 1 ? reads(seconds, bytes, sweep) : speed;
    reportTime(`attention ${count} at ${start + 1} ${tag}`, seconds, text);
  }
  const one = kernels.spans(cache, pages, Int32Array.of(0, pageCount, 100, 1));
  const norm = floats(headDim);
  const seconds = time(2000, (call) =>
    kernels.rotate(one, call % layers, q, k, k, cos, sin, heads, norm, norm, 1e-6),
  );
  reportTime(`rotate 1 row ${tag}`, seconds);
}

function benchRows(tag: string): void {
  const x = floats(hidden);
  const weight = floats(hidden);
  const y = new Float32Array(hidden);
  const residual = new Float32Array(hidden);
  const norm = time(5000, () => kernels.addRmsnorm(x, weight, weight, 1e-6, residual, y, 1));
  reportTime(`addRmsnorm 1 row ${tag}`, norm);
  const routers = Array.from({ length: 64 }, () => floats(96 * hidden));
  const scored = new Float32Array(96);
  const scores = time(640, (call) => kernels.scores(x, routers[call % 64]!, 96, hidden, scored, 1));
  const read = `${(scores * 1e6).toFixed(1)} us, ${((96 * hidden * 4) / scores / 1e9).toFixed(1)} GB/s`;
  reportTime(`scores 96 1 row ${tag}`, scores, read);
  const vocab = 200_064;
  const logits = floats(vocab);
  const ids = new Int32Array(64);
  const values = new Float32Array(64);
  const sums = new Float64Array(1);
  const entries = {
    argmax: () => kernels.argmax(logits, 1, vocab, ids, values),
    'topk 64': () => kernels.topk(logits, 1, vocab, 64, ids, values),
    logsumexp: () => kernels.logsumexp(logits, 1, vocab, 0.8, sums),
  };
  for (const [name, run] of Object.entries(entries)) reportTime(`${name} ${tag}`, time(100, run));
}

const folder = mkdtempSync(join(tmpdir(), 'expertgrid-kernels-'));
try {
  const file = join(folder, 'weights');
  writeWeights(file);
  bench(file);
} finally {
  rmSync(folder, { recursive: true });
}
console.log(JSON.stringify({ path: kernels.path(), ...results }));
