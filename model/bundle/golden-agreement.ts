// Whether an answer to a golden row is a sound one. Pure; knows no device and no files.
import { firstNonFinite } from '../floats.ts';
import { goldenDigest } from './golden.ts';
import type { GoldenAnswer } from './goldens.ts';
import type { Bits } from './tensors.ts';

/**
 * How far another numerics class may be from the stored answer, as a part of its length. Stored answers are rounded to
 * bfloat16, which alone is up to 2^-8. At 16 and 32 bits all devices compute in float32, 1e-6 apart. At 4 and 8 bits some
 * round activations to int8 (the CPU kernels and ONNX Runtime on a CPU, 1e-6 apart, 5e-3 where a tie turns) and some do
 * not (GPUs): that is up to 1.7e-2 over random experts of 64 to 1,536 inputs and those of nano
 * (test/model/bundle/golden-agreement.test.ts).
 */
const TOLERANCE: Readonly<Record<Bits, number>> = { 4: 0.04, 8: 0.04, 16: 0.005, 32: 0.005 };

export interface AgreementOptions {
  /** The answer is from the numerics class that the golden answer is from. */
  sameClass: boolean;
  /** Of the bundle. */
  bits: Bits;
}

/** Undefined where `answer [hidden]` agrees with the golden one; else why not. What is not finite never agrees. */
export function agrees(
  answer: Float32Array,
  { row, digest }: GoldenAnswer,
  { sameClass, bits }: AgreementOptions,
): string | undefined {
  if (answer.length !== row.length) return `it has ${answer.length} numbers, the golden answer ${row.length}`;
  const bad = firstNonFinite(answer);
  if (bad !== undefined) return `number ${bad} of it is not finite`;
  if (sameClass && goldenDigest(answer) === digest) return undefined;
  const error = relativeDistance(answer, row);
  const off = `it is ${error.toPrecision(2)} of its length away from the golden answer`;
  if (sameClass) return `its bits are not those of the golden answer (${off})`;
  const allowed = TOLERANCE[bits];
  return error <= allowed ? undefined : `${off}; another numerics class may be ${allowed}`;
}

/** `|a - b| / |b|`; 0 where both are nothing but zeros. */
export function relativeDistance(a: Float32Array, b: Float32Array): number {
  let distance = 0;
  let length = 0;
  for (let i = 0; i < b.length; i++) {
    distance += (a[i]! - b[i]!) ** 2;
    length += b[i]! ** 2;
  }
  return distance === 0 ? 0 : Math.sqrt(distance / length);
}
