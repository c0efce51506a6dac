// Reads a whole small tensor of a GGUF file as floats.
import { open } from 'node:fs/promises';
import { tensorError } from '../errors.ts';
import { readExactly } from '../reading/read-exactly.ts';
import { dequantise, readableTypes } from './dequantise.ts';
import type { GgufTensor } from './read.ts';

export async function readGgufTensor(tensor: GgufTensor): Promise<Float32Array<ArrayBuffer>> {
  const { name, path, type, shape, start, bytes } = tensor;
  if (!readableTypes.includes(type)) {
    throw tensorError(path, name, `has type ${type}; ${readableTypes.join(', ')} are read`);
  }
  const stored = new Uint8Array(bytes);
  const handle = await open(path);
  try {
    await readExactly(handle, stored, start, path);
  } finally {
    await handle.close();
  }
  const values = new Float32Array(shape.reduce((product, length) => product * length, 1));
  dequantise(type, stored, values);
  return values;
}
