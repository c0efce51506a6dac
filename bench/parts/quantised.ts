// How fast one thread decodes each published form of quantised weights: `node bench/parts/quantised.ts`. A matrix of
// 4,096 x 2,048 is read in strips of 512 rows from memory, as `convert` reads it from files.
// Times are CPU times, so that other processes matter less. The last line is JSON.
import type { ReadBytes } from '../../model/convert/storage/storage.ts';
import type {
  CodeBits,
  CodeValue,
  Packing,
  QuantisedStorage,
  ScaleDtype,
} from '../../model/quantised/storage.ts';
import { readQuantised } from '../../model/quantised/strips/read-quantised.ts';

const ROWS = 4096;
const COLS = 2048;
const STRIP_ROWS = 512;
const ROUNDS = 5;

interface Form {
  name: string;
  packing: Packing;
  bits: CodeBits;
  value: CodeValue;
  scale: ScaleDtype;
  block: [rows: number, cols: number];
  zeros?: 'down' | 'gptq' | 'awq';
  ordered?: true;
}

const forms: readonly Form[] = [
  { name: 'fp8 128x128', packing: 'row', bits: 8, value: 'e4m3', scale: 'F32', block: [128, 128] },
  { name: 'int8 rows', packing: 'row', bits: 8, value: 'signed', scale: 'BF16', block: [1, COLS] },
  { name: 'mxfp4', packing: 'row', bits: 4, value: 'e2m1', scale: 'E8M0', block: [1, 32] },
  { name: 'int4 128', packing: 'row', bits: 4, value: 'offset', scale: 'BF16', block: [1, 128] },
  {
    name: 'int4 128, zeros, g_idx',
    packing: 'row',
    bits: 4,
    value: 'offset',
    scale: 'BF16',
    block: [1, 128],
    zeros: 'down',
    ordered: true,
  },
  {
    name: 'awq 128',
    packing: 'awq',
    bits: 4,
    value: 'unsigned',
    scale: 'F16',
    block: [1, 128],
    zeros: 'awq',
  },
  {
    name: 'gptq4 128',
    packing: 'gptq',
    bits: 4,
    value: 'unsigned',
    scale: 'F16',
    block: [1, 128],
    zeros: 'gptq',
  },
  {
    name: 'gptq4 128, g_idx',
    packing: 'gptq',
    bits: 4,
    value: 'unsigned',
    scale: 'F16',
    block: [1, 128],
    zeros: 'gptq',
    ordered: true,
  },
  {
    name: 'gptq3 128',
    packing: 'gptq',
    bits: 3,
    value: 'unsigned',
    scale: 'F16',
    block: [1, 128],
    zeros: 'gptq',
  },
  {
    name: 'gptq8 128',
    packing: 'gptq',
    bits: 8,
    value: 'unsigned',
    scale: 'F16',
    block: [1, 128],
    zeros: 'gptq',
  },
];

// All tensors lie in the same bytes. Each byte is a small code, a small scale and the first group.
const memory = new Uint8Array(32 << 20);
const read: ReadBytes = (_path, start, length) => memory.subarray(start & ~7, (start & ~7) + length);
const place = (name: string) => ({ path: '', name, start: 0 });

function matrixOf({ packing, bits, value, scale, block, zeros, ordered }: Form): QuantisedStorage {
  const [blockRows, blockCols] = block;
  return {
    kind: 'quantised',
    rows: ROWS,
    cols: COLS,
    codes: { ...place('codes'), packing, bits, value },
    scales: { ...place('scales'), dtype: scale, blockRows, blockCols, transposed: packing !== 'row' },
    ...(zeros && { zeros: { ...place('zeros'), packing: zeros, bits, add: 0 } }),
    ...(ordered && { groupOf: place('g_idx') }),
  };
}

const out = new Float32Array(STRIP_ROWS * COLS);
const lines = forms.map((form) => {
  const matrix = matrixOf(form);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.cpuUsage();
    for (let first = 0; first < ROWS; first += STRIP_ROWS) {
      readQuantised(matrix, { first, count: STRIP_ROWS }, read, out);
    }
    const { user, system } = process.cpuUsage(begun);
    best = Math.min(best, (user + system) / 1000);
  }
  const values = ROWS * COLS;
  const figures = {
    form: form.name,
    millionValues: values / best / 1000,
    sourceMb: (values * form.bits) / 8 / best / 1000,
  };
  console.log(
    `${form.name.padEnd(24)} ${figures.millionValues.toFixed(0).padStart(5)} M values/s  ${figures.sourceMb.toFixed(0).padStart(5)} MB/s of codes`,
  );
  return figures;
});
console.log(JSON.stringify({ lines }));
