// Small matrices that published packages packed (bench/oracle-formats): our floats are theirs, bit for bit.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { readFields } from '../../../model/config/config-fields.ts';
import { findQuantised } from '../../../model/quantised/find-quantised.ts';
import { parseQuantisation } from '../../../model/quantised/settings/quantisation.ts';
import { readQuantised } from '../../../model/quantised/strips/read-quantised.ts';
import { type StoredData, storedTensors } from '../../support/models/stored-tensors.ts';
import { slowElement } from './slow-element.ts';

interface Case {
  title: string;
  by: string;
  config: unknown;
  weight: string;
  shape: number[];
  tensors: Record<string, { dtype: string; shape: number[]; data: string }>;
  expected: string;
}

const golden = new URL('../../golden/quantised.json', import.meta.url);
const { cases }: { cases: Case[] } = JSON.parse(await readFile(golden, 'utf8'));

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, 'base64'));
}

function read({ config, weight, tensors }: Case) {
  const stored = storedTensors(
    Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]): [string, StoredData] => [
        name,
        { ...tensor, data: bytes(tensor.data) },
      ]),
    ),
  );
  const quantisation = parseQuantisation(readFields({ quantization_config: config }, 'config.json'));
  const found = findQuantised(quantisation, weight, stored.find);
  if (found === undefined) throw new Error(`${weight} is not quantised`);
  return { found, stored };
}

it.each(cases)('$title: the floats of $by', (each) => {
  const { found, stored } = read(each);
  expect(found.shape).toEqual(each.shape);
  const [rows = 0, cols = 0] = each.shape.slice(-2);
  const items = each.shape.length === 3 ? each.shape[0]! : 1;
  const all = new Float32Array(items * rows * cols);
  const slow = new Float32Array(all.length);
  for (let item = 0; item < items; item++) {
    const matrix = found.matrix(item);
    const own = all.subarray(item * rows * cols, (item + 1) * rows * cols);
    readQuantised(matrix, { first: 0, count: rows }, stored.read, own);
    for (let at = 0; at < own.length; at++) {
      slow[item * rows * cols + at] = slowElement(matrix, stored.file, Math.floor(at / cols), at % cols);
    }
  }
  const expected = new Float32Array(bytes(each.expected).buffer);
  expect(all).toEqual(expected);
  expect(slow).toEqual(expected);
});

it('there is a case of every form, and of every number of bits that a form has', () => {
  const forms = new Set(cases.map((each) => read(each).found.form));
  const gptq = [2, 3, 4, 8].map((bits) => `gptq${bits}`);
  expect([...forms].sort()).toEqual(['fp8', 'int4', 'int8', 'mxfp4', 'awq', ...gptq].sort());
});
