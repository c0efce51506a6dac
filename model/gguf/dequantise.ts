// Turns the bytes of a GGUF tensor into floats, with the bits that ggml computes.
import { bf16, f16, f32 } from './quants/float.ts';
import { q2k, q3k, q4k, q5k, q6k, q8k } from './quants/k-quants.ts';
import { q4_0, q4_1, q5_0, q5_1, q8_0 } from './quants/legacy.ts';
import { iq4nl, iq4xs, mxfp4 } from './quants/tables.ts';
import { blockOf } from './types.ts';

/** Writes the values of whole blocks into `out`, which has as many elements. */
type Dequantiser = (bytes: Uint8Array, out: Float32Array) => void;

const dequantisers: ReadonlyMap<string, Dequantiser> = new Map([
  ['F32', f32],
  ['F16', f16],
  ['BF16', bf16],
  ['Q4_0', q4_0],
  ['Q4_1', q4_1],
  ['Q5_0', q5_0],
  ['Q5_1', q5_1],
  ['Q8_0', q8_0],
  ['Q2_K', q2k],
  ['Q3_K', q3k],
  ['Q4_K', q4k],
  ['Q5_K', q5k],
  ['Q6_K', q6k],
  ['Q8_K', q8k],
  ['IQ4_NL', iq4nl],
  ['IQ4_XS', iq4xs],
  ['MXFP4', mxfp4],
]);

/** The names of the types that `dequantise` reads. */
export const readableTypes: readonly string[] = [...dequantisers.keys()];

/** Bytes of `values` values of a type, which must be whole blocks. Throws a RangeError if they are not, or if there is no such type. */
export function bytesOf(type: string, values: number): number {
  const block = blockOf(type);
  if (block === undefined) throw new RangeError(`unknown type ${type}`);
  if (values % block.values !== 0) throw new RangeError(`${values} values are no whole ${type} blocks`);
  return (values / block.values) * block.bytes;
}

/**
 * Writes the values of `bytes` into the start of `out`. The bytes must be whole blocks, as a row of a tensor is. Throws a RangeError
 * otherwise, or if `out` is too short or the type is not one of `readableTypes`.
 */
export function dequantise(type: string, bytes: Uint8Array, out: Float32Array): void {
  const run = dequantisers.get(type);
  const block = blockOf(type);
  if (run === undefined || block === undefined)
    throw new RangeError(`type ${type} is not one of ${readableTypes.join(', ')}`);
  const values = (bytes.length / block.bytes) * block.values;
  if (!Number.isInteger(values / block.values))
    throw new RangeError(`${bytes.length} bytes are no whole ${type} blocks`);
  if (values > out.length) throw new RangeError(`${values} values do not fit into ${out.length}`);
  run(bytes, values === out.length ? out : out.subarray(0, values));
}
