// Calls the addon at random with valid and invalid arguments. sanitize.long.test.ts runs this with a build with sanitizers, which
// end the process at the first byte that is read or written out of bounds. Arguments: addon file, seed, number of calls.
import { createRequire } from 'node:module';
import {
  type ExpertMatrices,
  type Kernels,
  PREFETCH_HINTS,
  type QuantisedMatrix,
} from '../../kernels/kernels.ts';
import { uniform } from '../support/random.ts';
import { openWireCalls } from './wire/wire-calls.ts';

const [file = '', seed = '1', calls = '1000'] = process.argv.slice(2);
const kernels: Kernels = createRequire(import.meta.url)(file);
const next = uniform(Number(seed));

const below = (count: number) => Math.floor(next() * count);
const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
const size = (most: number) => 1 + below(most);

/** A buffer of exactly this length, so that one byte more is out of bounds. */
function floats(count: number): Float32Array {
  const kind = below(20);
  return Float32Array.from({ length: count }, () => {
    if (kind === 0) return pick([Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-42, 3e38, -1]);
    return (next() - 0.5) * 10 ** (below(9) - 4);
  });
}

const tiledBytes = (rows: number, cols: number, bits: number) =>
  Math.ceil(rows / 16) * Math.ceil(cols / 32) * (64 * bits + 32);

function matrix(rows: number, cols: number, bits: 4 | 6 | 8): QuantisedMatrix {
  const bytes = new Uint8Array(tiledBytes(rows, cols, bits));
  for (let i = 0; i < bytes.length; i++) bytes[i] = below(256);
  return kernels.matrixOf(bytes, rows, cols, bits);
}

/** A random, unaligned place in a mapped file. */
const map = kernels.map(file);
function mapped(rows: number, cols: number, bits: 4 | 6 | 8): QuantisedMatrix {
  const bytes = tiledBytes(rows, cols, bits);
  return kernels.matrix(map, below(map.bytes - bytes + 1), rows, cols, bits);
}

/** A value that is wrong for most arguments. */
const junk = () =>
  pick<unknown>([
    undefined,
    null,
    -1,
    0,
    1.5,
    2 ** 31,
    2 ** 53,
    Number.NaN,
    'x',
    {},
    [],
    [1],
    new Float32Array(0),
    new Int32Array([-1, 2 ** 31 - 1, 0, 5]),
    new Float64Array(3),
    new Uint8Array(5),
    cacheOf(2, 2),
  ]);

const cacheOf = (kvHeads: number, headDim: number) => kernels.cache(size(8), size(3), kvHeads, headDim);

function product(): unknown[] {
  const n = size(pick([1, 4, 40]));
  const cols = size(100);
  const matrices = Array.from({ length: size(3) }, () =>
    pick([matrix, mapped])(size(50), cols, pick([4, 6, 8])),
  );
  const biases = matrices.map(({ rows }) => pick([undefined, floats(rows)]));
  return [
    floats(n * cols),
    n,
    matrices,
    matrices.map(({ rows }) => floats(n * rows)),
    pick([undefined, biases]),
  ];
}

/** Arguments of `expert`, with all kinds of forms. */
function expert(hidden: number, inner: number) {
  const clamp = { alpha: 1.7, limit: size(9) };
  const form = {
    gateBias: pick([undefined, floats(inner)]),
    upBias: pick([undefined, floats(inner)]),
    downBias: pick([undefined, floats(hidden)]),
    clamp: pick([undefined, clamp]),
  };
  return [
    matrix(inner, hidden, pick([4, 6, 8])),
    matrix(inner, hidden, pick([4, 6, 8])),
    matrix(hidden, inner, pick([4, 6, 8])),
    pick([undefined, form]),
  ] as const;
}

function experts(): unknown[] {
  const [hidden, inner] = [size(60), size(60)];
  const list: ExpertMatrices[] = Array.from({ length: size(5) }, () =>
    kernels.expert(...expert(hidden, inner)),
  );
  const counts = list.map(() => size(20));
  const rows = counts.reduce((a, b) => a + b);
  const places = Int32Array.from({ length: 2 * rows }, () => below(rows + (below(50) === 0 ? 1 : 0)));
  const given = pick([undefined, places]);
  return [floats(rows * hidden), list, Int32Array.from(counts), floats(rows * hidden), given];
}

function step() {
  const [kvHeads, group, headDim] = [size(2), pick([1, 3, 4, 17]), 2 * size(12)];
  const cache = cacheOf(kvHeads, headDim);
  const numbers: number[] = [];
  const pages: number[] = [];
  for (let span = size(4); span > 0; span--) {
    const count = pick([1, 1, size(5), size(40)]);
    const start = pick([0, below(40), below(600)]);
    const entries = Math.ceil((start + count) / 32);
    numbers.push(pages.length, entries, start, count);
    for (let i = 0; i < entries; i++) pages.push(below(cache.pages));
  }
  const spans = kernels.spans(cache, Int32Array.from(pages), Int32Array.from(numbers));
  return { spans, rows: spans.rows, kvHeads, heads: kvHeads * group, headDim };
}

function rotate(): unknown[] {
  const { spans, rows, kvHeads, heads, headDim } = step();
  const norm = (count: number) => pick([undefined, floats(headDim), floats(count * headDim)]);
  const rotary = 2 * below(headDim / 2 + 1);
  return [
    spans,
    0,
    floats(rows * heads * headDim),
    floats(rows * kvHeads * headDim),
    floats(rows * kvHeads * headDim),
    floats((rows * rotary) / 2),
    floats((rows * rotary) / 2),
    heads,
    norm(heads),
    norm(kvHeads),
    1e-6,
    rotary,
    pick([undefined, false, true]),
  ];
}

function attention(): unknown[] {
  const { spans, rows, heads, headDim } = step();
  const options = {
    window: pick([undefined, 0, size(40), size(700)]),
    chunk: pick([undefined, 0, size(40), size(700)]),
    sinks: pick([undefined, floats(heads)]),
  };
  const values = [spans, 0, floats(rows * heads * headDim), heads, 0.3, floats(rows * heads * headDim)];
  return [...values, pick([undefined, options])];
}

function logits(outputs: (n: number, width: number) => unknown[]): unknown[] {
  const [n, width] = [size(3), size(3000)];
  return [floats(n * width), n, width, ...outputs(n, width)];
}

const wireCalls = await openWireCalls(kernels, next);

const makers: Record<string, () => unknown[]> = {
  ...wireCalls.makers,
  product,
  expert: () => [...expert(size(60), size(60))],
  experts,
  rotate,
  attention,
  rmsnorm: () => {
    const [n, width] = [size(20), size(100)];
    return [floats(n * width), floats(width), 1e-6, floats(n * width), n];
  },
  addRmsnorm: () => {
    const [n, width] = [size(20), size(100)];
    const rows = () => floats(n * width);
    return [rows(), rows(), floats(width), 1e-6, rows(), rows(), n];
  },
  scores: () => {
    const [n, outputs, cols] = [size(20), size(50), size(100)];
    return [floats(n * cols), floats(outputs * cols), outputs, cols, floats(n * outputs), n];
  },
  combine: () => {
    const [n, k, width] = [size(20), size(3), size(100)];
    const mask = pick([undefined, Uint8Array.from({ length: n }, () => below(2))]);
    return [floats(n * width), floats(n * k * width), floats(n * k), k, width, n, mask];
  },
  scaleRows: () => {
    const [n, width] = [size(20), size(100)];
    return [floats(n * width), floats(n), width, n];
  },
  argmax: () => logits((n) => [new Int32Array(n), floats(n)]),
  topk: () =>
    logits((n, width) => {
      const k = size(Math.min(width, 4096));
      return [k, new Int32Array(n * k), floats(n * k)];
    }),
  logsumexp: () => logits((n) => [0.1 + next(), new Float64Array(n)]),
  draw: () => {
    const width = size(3000);
    return [floats(width), width, 0.1 + next(), next(), below(100), next() / 2, next()];
  },
  matrix: () => [map, below(map.bytes), size(2 ** 12), size(2 ** 12), pick([4, 6, 8])],
  advise: () => [map, below(map.bytes), size(map.bytes), pick(['willneed', 'populate', 'random', 'normal'])],
  resident: () => [map, below(map.bytes), size(map.bytes)],
  sweep: () => [map, below(map.bytes), size(map.bytes)],
  readRows: () => {
    const [rows, cols, n] = [size(50), size(100), size(10)];
    const ids = Int32Array.from({ length: n }, () => below(rows));
    return [matrix(rows, cols, pick([4, 6, 8])), ids, floats(n * cols)];
  },
  matrixOf: () => [new Uint8Array(288 * size(4)), size(40), size(40), 4],
  spans: () => [
    cacheOf(2, 4),
    Int32Array.from({ length: size(9) }, () => below(9) - 1),
    Int32Array.from({ length: 4 * size(3) }, () => below(70)),
  ],
  readPage: () => [cacheOf(1, 4), below(8), new Uint8Array(below(20_000))],
  writePage: () => [cacheOf(1, 4), below(8), new Uint8Array(below(20_000))],
  setPrefetch: () => [pick(PREFETCH_HINTS), below(70_000)],
  evict: () => [matrix(size(50), size(100), pick([4, 6, 8]))],
  peak: () => [size(20)],
  warm: () => [
    Array.from({ length: size(7) }, () => matrix(size(50), size(100), pick([4, 6, 8]))),
    pick([undefined, floats(size(5000))]),
  ],
  setThreads: () => [size(4), below(50)],
  setPath: () => [pick(kernels.paths())],
};

/** An array that is slightly too short, or a list or object with such a part or a wrong one. */
function damaged(value: unknown): unknown {
  if (value instanceof Float32Array || value instanceof Int32Array)
    return value.slice(0, Math.max(0, value.length - size(20)));
  if (Array.isArray(value)) return value.with(below(value.length), damaged(pick(value)) ?? junk());
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return undefined;
  const key = pick(Object.keys(value));
  return { ...value, [key]: damaged(Reflect.get(value, key)) ?? junk() };
}

const counts = { good: 0, refused: 0 };
const names = Object.keys(makers);
for (let call = 0; call < Number(calls); call++) {
  const name = pick(names);
  const values = makers[name]!();
  // Half of the calls get a wrong value, or an array or object that is slightly wrong.
  if (below(2) === 0) {
    const at = below(values.length);
    const old = values[at];
    values[at] = below(2) === 0 ? (damaged(old) ?? junk()) : junk();
  }
  try {
    wireCalls.keep(name, Reflect.apply(Reflect.get(kernels, name), kernels, values));
    counts.good++;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    counts.refused++;
  }
  if (call % 20 === 0) await wireCalls.turn();
}
wireCalls.end();
console.log(JSON.stringify(counts));
