// Converts between 16-bit and 32-bit floats. It works on bit patterns, so that NaN payloads and signed zeros survive: each of
// the 65,536 patterns is the same after it has been widened and narrowed again.

const floatScratch = new Float32Array(1);
const bitScratch = new Uint32Array(floatScratch.buffer);

/** float32 bits of every float16: a table of 256 KiB, which is the fastest way to widen a stream. */
const widened = Uint32Array.from({ length: 65536 }, (_, half) => {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  floatScratch[0] = fraction * 2 ** -24; // subnormal, exact in float32
  return sign | bitScratch[0]!;
});

/** float16 bits nearest to a float32 that is given by its bits, ties to even. Too large values become infinity. */
function narrow(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7c00 | ((magnitude >>> 13) & 0x3ff || 0x200);
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  const exponent = magnitude >>> 23;
  const subnormal = exponent < 113;
  if (subnormal && exponent < 102) return sign;
  const shift = subnormal ? 126 - exponent : 13;
  const value = subnormal ? (magnitude & 0x7fffff) | 0x800000 : magnitude - 0x38000000;
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept);
}

/** The value of float16 bits. */
export function halfToNumber(half: number): number {
  bitScratch[0] = widened[half]!;
  return floatScratch[0]!;
}

/** float16 bits nearest to `value` (through float32), ties to even. */
export function numberToHalf(value: number): number {
  floatScratch[0] = value;
  return narrow(bitScratch[0]!);
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Widens `halves` (float16 bits) into the start of `out`. */
export function widenHalf(halves: Uint16Array, out: Float32Array): void {
  const bits = bitsOf(out);
  for (let i = 0; i < halves.length; i++) bits[i] = widened[halves[i]!]!;
}

/** Widens `values` (bfloat16 bits) into the start of `out`. */
export function widenBrain(values: Uint16Array, out: Float32Array): void {
  const bits = bitsOf(out);
  for (let i = 0; i < values.length; i++) bits[i] = values[i]! << 16;
}

/** float16 bits nearest to each value, ties to even. */
export function narrowHalf(values: Float32Array, out: Uint16Array): void {
  const bits = bitsOf(values);
  for (let i = 0; i < bits.length; i++) out[i] = narrow(bits[i]!);
}

/** bfloat16 bits nearest to each value, ties to even; NaN stays NaN. */
export function narrowBrain(values: Float32Array, out: Uint16Array): void {
  const bits = bitsOf(values);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const isNan = (word & 0x7fffffff) > 0x7f800000;
    const quiet = (word >>> 16) & 0x7f ? 0 : 0x40; // a NaN must not become infinity if its payload is dropped
    out[i] = isNan ? (word >>> 16) | quiet : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}
