// Converts arrays of float32 and uint16 to little-endian bytes and back. Knows no messages.
import { endianness } from 'node:os';
import { RpcError } from './errors.ts';

// The conversions are views of the same memory, so the machine's byte order must be that of the protocol.
if (endianness() !== 'LE') throw new Error('expertgrid needs a little-endian machine');

/** A view, not a copy. */
export function rowsToBytes(rows: Float32Array): Uint8Array {
  return new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
}

/** `[count, width]` floats: a view if the bytes are aligned, else a copy. Throws `invalid` on a wrong number of bytes. */
export function bytesToRows(bytes: Uint8Array, count: number, width: number): Float32Array {
  const expected = count * width * Float32Array.BYTES_PER_ELEMENT;
  if (bytes.byteLength !== expected) {
    throw new RpcError(
      'invalid',
      `rows have ${bytes.byteLength} bytes; ${count} rows of ${width} floats need ${expected}`,
    );
  }
  const { buffer, byteOffset } = aligned(bytes, Float32Array.BYTES_PER_ELEMENT);
  return new Float32Array(buffer, byteOffset, count * width);
}

export function uint16ToBytes(values: Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A view if the bytes are aligned, else a copy. Throws `invalid` on an odd number of bytes. */
export function bytesToUint16(bytes: Uint8Array): Uint16Array {
  if (bytes.byteLength % Uint16Array.BYTES_PER_ELEMENT !== 0) {
    throw new RpcError('invalid', `16-bit values cannot fill ${bytes.byteLength} bytes`);
  }
  const { buffer, byteOffset } = aligned(bytes, Uint16Array.BYTES_PER_ELEMENT);
  return new Uint16Array(buffer, byteOffset, bytes.byteLength / Uint16Array.BYTES_PER_ELEMENT);
}

/** The codec decodes binary values as views at any offset of the message. A typed array needs an aligned offset. */
function aligned(bytes: Uint8Array, alignment: number): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : new Uint8Array(bytes);
}
