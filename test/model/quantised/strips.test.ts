// Strips of random quantised matrices: each element is the slow reference's, and no strip reads much more than its own bytes.
import { expect, it } from 'vitest';
import type { CodeBits, QuantisedStorage, ScaleDtype } from '../../../model/quantised/storage.ts';
import { readQuantised } from '../../../model/quantised/strips/read-quantised.ts';
import { uniform } from '../../support/random.ts';
import { slowElement } from './slow-element.ts';

const path = 'weights.safetensors';

/** A file of random bytes, in which scales are small numbers. Places are handed out one after another. */
function randomFile(seed: number) {
  const next = uniform(seed);
  const file = new Uint8Array(1 << 19);
  for (let i = 0; i < file.length; i++) file[i] = Math.floor(next() * 256);
  let end = 0;
  const place = (name: string, bytes: number) => {
    const start = end;
    end = Math.ceil((start + bytes) / 8) * 8;
    if (end > file.length) throw new Error('the file is too small');
    return { path, name, start };
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { file, place, below, next };
}

type File = ReturnType<typeof randomFile>;

const scaleBytes: Readonly<Record<ScaleDtype, number>> = { F32: 4, F16: 2, BF16: 2, E8M0: 1 };

function scalesOf(file: File, dtype: ScaleDtype, count: number) {
  const place = file.place('scales', count * scaleBytes[dtype]);
  const view = new DataView(file.file.buffer);
  for (let i = 0; i < count; i++) {
    const at = place.start + i * scaleBytes[dtype];
    if (dtype === 'F32') view.setFloat32(at, file.next(), true);
    else if (dtype === 'E8M0') view.setUint8(at, 100 + file.below(40));
    else view.setUint16(at, 0x3000 + file.below(0x0800), true);
  }
  return { ...place, dtype };
}

function groupOf(file: File, cols: number, groups: number) {
  const place = file.place('g_idx', cols * 4);
  const view = new DataView(file.file.buffer);
  for (let col = 0; col < cols; col++) view.setInt32(place.start + col * 4, file.below(groups), true);
  return place;
}

type Draw = (file: File) => QuantisedStorage;

const bytesDraw =
  (value: 'e4m3' | 'signed', [blockRows, blockCols]: [number, number], dtype: ScaleDtype): Draw =>
  (file) => {
    const [rows, cols] = [37, 45];
    const count = Math.ceil(rows / blockRows) * Math.ceil(cols / blockCols);
    const codes = { ...file.place('codes', rows * cols), packing: 'row', bits: 8, value } as const;
    // 127 and 255 are NaN.
    for (let i = 0; i < rows * cols; i++) if (value === 'e4m3') file.file[codes.start + i]! &= 0xbf;
    const zeros = { ...file.place('zeros', count), packing: 'byte', bits: 8, add: 0 } as const;
    const scales = { ...scalesOf(file, dtype, count), blockRows, blockCols, transposed: false };
    return { kind: 'quantised', rows, cols, codes, scales, ...(value === 'signed' && { zeros }) };
  };

const packedDraw =
  (bits: 4 | 8, blockCols: number, isOrdered: boolean): Draw =>
  (file) => {
    const [rows, cols] = [43, 90];
    const groups = Math.ceil(cols / blockCols);
    const words = Math.ceil((cols * bits) / 32);
    const zeroWords = Math.ceil((rows * bits) / 32);
    return {
      kind: 'quantised',
      ...{ rows, cols },
      codes: {
        ...file.place('codes', rows * words * 4),
        packing: 'row',
        bits,
        value: 'offset',
        isPadded: true,
      },
      scales: { ...scalesOf(file, 'BF16', rows * groups), blockRows: 1, blockCols, transposed: false },
      zeros: { ...file.place('zeros', zeroWords * groups * 4), packing: 'down', bits, add: 0 },
      ...(isOrdered && { groupOf: groupOf(file, cols, groups) }),
    };
  };

const columnsDraw =
  (packing: 'gptq' | 'awq', bits: CodeBits, add: 0 | 1, isOrdered: boolean): Draw =>
  (file) => {
    const [rows, cols, blockCols] = [64, 96, 32];
    const groups = cols / blockCols;
    const words = (rows * cols * bits) / 32;
    return {
      kind: 'quantised',
      ...{ rows, cols },
      codes: { ...file.place('codes', words * 4), packing, bits, value: 'unsigned' },
      scales: { ...scalesOf(file, 'F16', rows * groups), blockRows: 1, blockCols, transposed: true },
      zeros: { ...file.place('zeros', (groups * rows * bits) / 8), packing, bits, add },
      ...(isOrdered && { groupOf: groupOf(file, cols, groups) }),
    };
  };

const mxfp4: Draw = (file) => {
  const [rows, cols] = [21, 96];
  return {
    kind: 'quantised',
    ...{ rows, cols },
    codes: { ...file.place('codes', (rows * cols) / 2), packing: 'row', bits: 4, value: 'e2m1' },
    scales: { ...scalesOf(file, 'E8M0', (rows * cols) / 32), blockRows: 1, blockCols: 32, transposed: false },
  };
};

const draws: readonly [string, Draw][] = [
  ['fp8 blocks', bytesDraw('e4m3', [16, 8], 'F32')],
  ['fp8 under one power of two', bytesDraw('e4m3', [37, 45], 'E8M0')],
  ['int8 rows', bytesDraw('signed', [1, 45], 'F16')],
  ['int8 blocks', bytesDraw('signed', [8, 16], 'BF16')],
  ['packed int4 groups', packedDraw(4, 30, false)],
  ['packed int4 in activation order', packedDraw(4, 30, true)],
  ['packed int8 rows', packedDraw(8, 90, false)],
  ...([2, 3, 4, 8] as const).map((bits): [string, Draw] => [
    `gptq of ${bits} bits`,
    columnsDraw('gptq', bits, 1, false),
  ]),
  ['gptq_v2 in activation order', columnsDraw('gptq', 4, 0, true)],
  ['gptq of 3 bits in activation order', columnsDraw('gptq', 3, 1, true)],
  ['awq', columnsDraw('awq', 4, 0, false)],
  ['mxfp4', mxfp4],
];

it.each(draws)('%s: every strip has the elements of the slow reference', (_, draw) => {
  const file = randomFile(7);
  const matrix = draw(file);
  const { rows, cols } = matrix;
  const slow = Float32Array.from({ length: rows * cols }, (__, at) =>
    slowElement(matrix, file.file, Math.floor(at / cols), at % cols),
  );
  const read = (_path: string, start: number, length: number) => file.file.slice(start, start + length);
  for (const count of [1, 3, 8, 19, rows]) {
    for (let first = 0; first + count <= rows; first += count === 1 ? 1 : 5) {
      const out = new Float32Array(count * cols);
      readQuantised(matrix, { first, count }, read, out);
      const expected = slow.subarray(first * cols, (first + count) * cols);
      expect(
        out.findIndex((value, at) => !Object.is(value, expected[at])),
        `rows from ${first}, ${count}`,
      ).toBe(-1);
    }
  }
});

it.each([
  ['gptq', 4],
  ['awq', 4],
] as const)('a strip of %s reads its own columns only, when rows of words are long', (packing, bits) => {
  const [rows, cols, blockCols] = [65_536, 64, 32];
  const wordRows = packing === 'gptq' ? (cols * bits) / 32 : cols;
  const rowBytes = packing === 'gptq' ? rows * 4 : (rows * bits) / 8;
  const place = (name: string) => ({ path, name, start: 0 });
  const matrix: QuantisedStorage = {
    kind: 'quantised',
    ...{ rows, cols },
    codes: { ...place('codes'), packing, bits, value: 'unsigned' },
    scales: { ...place('scales'), dtype: 'F32', blockRows: 1, blockCols, transposed: true },
    zeros: { ...place('zeros'), packing, bits, add: 0 },
  };
  let most = 0;
  let sum = 0;
  const read = (_path: string, _start: number, length: number) => {
    most = Math.max(most, length);
    sum += length;
    return new Uint8Array(length);
  };
  const count = 512;
  readQuantised(matrix, { first: 1024, count }, read, new Float32Array(count * cols));
  expect(sum).toBe((wordRows * rowBytes * count) / rows + 2 * (count * 4 + count / 2));
  expect(most).toBe(Math.max((rowBytes * count) / rows, count * 4));
});

it('pieces that lie close together are read together, at most 1 MiB at once', () => {
  const file = randomFile(9);
  const matrix = columnsDraw('awq', 4, 0, false)(file);
  const reads: number[] = [];
  const read = (_path: string, start: number, length: number) => {
    reads.push(length);
    return file.file.slice(start, start + length);
  };
  readQuantised(matrix, { first: 8, count: 8 }, read, new Float32Array(8 * matrix.cols));
  // The scales, the zero points and the codes.
  expect(reads).toHaveLength(3);
});

function small(change: Partial<QuantisedStorage>, fill: (file: DataView) => void) {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  view.setFloat32(128, 1, true);
  fill(view);
  const matrix: QuantisedStorage = {
    kind: 'quantised',
    ...{ rows: 2, cols: 8 },
    codes: { path, name: 'w', start: 0, packing: 'row', bits: 8, value: 'e4m3' },
    scales: { path, name: 's', start: 128, dtype: 'F32', blockRows: 2, blockCols: 8, transposed: false },
    ...change,
  };
  const read = (_path: string, start: number, length: number) => bytes.slice(start, start + length);
  return () => readQuantised(matrix, { first: 0, count: 2 }, read, new Float32Array(16));
}

it('NaN codes are refused with their place, and NaN scales by the name of their tensor', () => {
  expect(small({}, () => undefined)).not.toThrow();
  expect(small({}, (view) => view.setUint8(9, 0x7f))).toThrow('holds NaN in row 1, column 1');
  expect(small({}, (view) => view.setUint8(3, 0xff))).toThrow('holds NaN in row 0, column 3');
  expect(small({}, (view) => view.setFloat32(128, Number.NaN, true))).toThrow('because s holds NaN');
});

it('a stated shape that differs is refused, with the name of the tensor that states it', () => {
  const statedShape = { path, name: 'w_shape', start: 64 };
  const state = (rows: bigint, cols: bigint) => (view: DataView) => {
    view.setBigInt64(64, rows, true);
    view.setBigInt64(72, cols, true);
  };
  expect(small({ statedShape }, state(2n, 8n))).not.toThrow();
  expect(small({ statedShape }, state(2n, 7n))).toThrow('has shape [2,8], but w_shape says [2,7]');
});

it('a group that does not exist is refused; -1 everywhere means the order of columns', () => {
  const place = { path, name: 'g_idx', start: 64 };
  const groups = (group: number) => (view: DataView) => {
    for (let col = 0; col < 8; col++)
      view.setInt32(64 + col * 4, col === 5 ? group : Math.min(group, 0), true);
  };
  expect(small({ groupOf: place }, groups(0))).not.toThrow();
  expect(small({ groupOf: place }, groups(-1))).not.toThrow();
  expect(small({ groupOf: place }, groups(1))).toThrow('has 1 groups, but g_idx puts column 5 in group 1');
});

it('rows beyond the matrix are an error', () => {
  const { matrix, read } = {
    matrix: mxfp4(randomFile(1)),
    read: (_p: string, _s: number, n: number) => new Uint8Array(n),
  };
  expect(() => readQuantised(matrix, { first: 20, count: 2 }, read, new Float32Array(192))).toThrow('of 21');
});
