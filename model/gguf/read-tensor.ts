// Reads whole tensors of a GGUF file as floats. For small tensors, and for models that fit into memory.
import { open } from 'node:fs/promises';
import { adjacentRow } from '../config/rope.ts';
import { tensorError } from '../errors.ts';
import { readExactly } from '../reading/read-exactly.ts';
import { bytesOf, dequantise, readableTypes } from './dequantise.ts';
import type { GgufPlace } from './names.ts';
import type { GgufTensor } from './read.ts';

export async function readGgufTensor(tensor: GgufTensor): Promise<Float32Array<ArrayBuffer>> {
  return readValues(tensor, 0, valuesOf(tensor.shape));
}

/** Reads a tensor of the model, with the rows in the model's order. */
export async function readGgufPlace(
  { tensor, shape, item = 0, firstRow = 0, adjacentPairs }: GgufPlace,
  headDim: number,
): Promise<Float32Array<ArrayBuffer>> {
  const count = valuesOf(shape);
  const [rows = 1] = shape;
  const rowValues = count / rows;
  const itemValues = tensor.shape.length > shape.length ? valuesOf(tensor.shape.slice(1)) : 0;
  const values = await readValues(tensor, item * itemValues + firstRow * rowValues, count);
  if (!adjacentPairs) return values;
  const ordered = new Float32Array(count);
  for (let row = 0; row < rows; row++) {
    const from = adjacentRow(row, { headDim, rotary: headDim }) * rowValues;
    ordered.set(values.subarray(from, from + rowValues), row * rowValues);
  }
  return ordered;
}

const valuesOf = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);

async function readValues(
  { name, path, type, start }: GgufTensor,
  first: number,
  count: number,
): Promise<Float32Array<ArrayBuffer>> {
  if (!readableTypes.includes(type)) {
    throw tensorError(path, name, `has type ${type}; ${readableTypes.join(', ')} are read`);
  }
  const stored = new Uint8Array(bytesOf(type, count));
  const handle = await open(path);
  try {
    await readExactly(handle, stored, start + bytesOf(type, first), path);
  } finally {
    await handle.close();
  }
  const values = new Float32Array(count);
  dequantise(type, stored, values);
  return values;
}
