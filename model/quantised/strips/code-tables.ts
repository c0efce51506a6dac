// The value of every code of up to eight bits.
import type { CodeBits, CodeValue } from '../storage.ts';

/** FP4, E2M1 of the OCP Microscaling specification 1.0, section 5.3.3: one sign bit, and these magnitudes. */
const FP4_MAGNITUDES = [0, 0.5, 1, 1.5, 2, 3, 4, 6] as const;

/** FP8, E4M3 without infinities ("FP8 formats for deep learning", 2022, table 1). Bias 7; all ones is NaN. */
function fp8(code: number): number {
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code >>> 3) & 15;
  const fraction = code & 7;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10));
}

const values: Readonly<Record<CodeValue, (code: number, bits: CodeBits) => number>> = {
  e4m3: fp8,
  e2m1: (code) => (code & 8 ? -1 : 1) * (FP4_MAGNITUDES[code & 7] ?? Number.NaN),
  signed: (code, bits) => (code >= 2 ** (bits - 1) ? code - 2 ** bits : code),
  unsigned: (code) => code,
  offset: (code, bits) => code - 2 ** (bits - 1),
};

/** `[2 ** bits]` */
export function codeTable(value: CodeValue, bits: CodeBits): Float32Array {
  return Float32Array.from({ length: 2 ** bits }, (_, code) => values[value](code, bits));
}
