// Decides whether an expert's answer to a golden row agrees with the stored answer. Pure.
import { firstNonFinite } from '../../base/finite.ts';
import { goldenDigest } from './golden.ts';
import type { GoldenAnswer } from './goldens.ts';
import type { Bits } from './tensors.ts';

/**
 * Largest accepted distance of another numerics class's answer from the stored answer, divided by the stored answer's length.
 * Stored answers are rounded to bfloat16. This alone gives a distance of up to 2^-8. At 16 and 32 bits all devices compute in
 * float32 and differ by 1e-6. Below 16 bits the CPU kernels and ONNX Runtime on a CPU round activations to int8. They differ by
 * 1e-6, or by 5e-3 if one of them rounds a tie up and the other down. GPUs do not round activations and differ by up to 1.7e-2.
 * Measured with random experts of 64 to 1,536 inputs and with nano's (test/model/bundle/golden-agreement.test.ts).
 */
const tolerances: Readonly<Record<Bits, number>> = { 4: 0.04, 6: 0.04, 8: 0.04, 16: 0.005, 32: 0.005 };

interface AgreementOptions {
  /** Whether the answer and the golden answer are of the same numerics class. */
  sameClass: boolean;
  /** Bits of the bundle. */
  bits: Bits;
}

/** Why `answer [hidden]` does not agree with the golden answer; undefined if it agrees. An infinity or NaN never agrees. */
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
  const off = `its distance from the golden answer is ${error.toPrecision(2)} of that answer's length`;
  if (sameClass) return `its bits are not those of the golden answer (${off})`;
  const allowed = tolerances[bits];
  return error <= allowed ? undefined : `${off}; another numerics class may be ${allowed}`;
}

/** `|a - b| / |b|`; 0 if both are all zeros. */
export function relativeDistance(a: Float32Array, b: Float32Array): number {
  let distance = 0;
  let length = 0;
  for (let i = 0; i < b.length; i++) {
    distance += (a[i]! - b[i]!) ** 2;
    length += b[i]! ** 2;
  }
  return distance === 0 ? 0 : Math.sqrt(distance / length);
}
