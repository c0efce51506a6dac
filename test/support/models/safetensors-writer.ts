// Encodes float32 tensors as safetensors. It shares no code with the reader in model/, so that each checks the other.

export type FloatDtype = 'f32' | 'f16' | 'bf16';

export interface FloatTensor {
  shape: readonly number[];
  data: Float32Array;
}

const bits = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  bits.setFloat32(0, value);
  return bits.getUint32(0);
}

function fromBits(word: number): number {
  bits.setUint32(0, word);
  return bits.getFloat32(0);
}

/** Rounds to the nearest bfloat16, ties to even. The value must be finite. */
export function toBfloat16(value: number): number {
  const word = bitsOf(value);
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

export function fromBfloat16(half: number): number {
  return fromBits((half << 16) >>> 0);
}

/** Rounds to the nearest float16, ties to even, including subnormals. Throws if the value does not fit. */
export function toFloat16(value: number): number {
  const magnitude = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (!(magnitude < 65520)) throw new RangeError(`${value} does not fit float16`);
  const exponent = magnitude < 2 ** -14 ? -14 : Math.floor(Math.log2(magnitude));
  const steps = roundEven(magnitude / 2 ** (exponent - 10));
  // `steps` includes the hidden bit, so the addition raises the exponent by one.
  return sign | (((exponent + 14) << 10) + steps);
}

export function fromFloat16(half: number): number {
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The value after it was stored as `dtype` and read again. */
export function rounded(value: number, dtype: FloatDtype): number {
  if (dtype === 'bf16') return fromBfloat16(toBfloat16(value));
  if (dtype === 'f16') return fromFloat16(toFloat16(value));
  return Math.fround(value);
}

function encode(data: Float32Array, dtype: FloatDtype): Uint8Array {
  const width = dtype === 'f32' ? 4 : 2;
  const view = new DataView(new ArrayBuffer(data.length * width));
  for (let i = 0; i < data.length; i++) {
    const value = data[i] ?? 0;
    if (dtype === 'f32') view.setFloat32(i * 4, value, true);
    else view.setUint16(i * 2, dtype === 'bf16' ? toBfloat16(value) : toFloat16(value), true);
  }
  return new Uint8Array(view.buffer);
}

/**
 * A safetensors file: the length of the header in 8 bytes, the JSON header padded with spaces to 8 bytes, the tensors in
 * order.
 */
export function encodeSafetensors(tensors: ReadonlyMap<string, FloatTensor>, dtype: FloatDtype): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const bytes = encode(data, dtype);
    header[name] = { dtype: dtype.toUpperCase(), shape, data_offsets: [offset, offset + bytes.length] };
    parts.push(bytes);
    offset += bytes.length;
  }
  return frameSafetensors(header, Buffer.concat(parts));
}

/** A safetensors file with any header and body, even invalid ones, for tests of damaged files. */
export function frameSafetensors(header: Record<string, unknown>, body: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, 0x20)]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, body]);
}
