import { expect, test } from 'vitest';
import { bytesToRows, bytesToUint16, rowsToBytes, uint16ToBytes } from '../../rpc/rows.ts';

const rows = Float32Array.of(1, -2.5, 3e-20, 4e30);

test('rows are little-endian float32', () => {
  expect(Buffer.from(rowsToBytes(Float32Array.of(1, -2))).toString('hex')).toBe('0000803f000000c0');
});

test('aligned bytes become a view, others a copy with the same values', () => {
  const bytes = rowsToBytes(rows);
  expect(bytesToRows(bytes, 2, 2).buffer).toBe(rows.buffer);
  const odd = new Uint8Array(17);
  odd.set(bytes, 1);
  expect(bytesToRows(odd.subarray(1), 2, 2)).toEqual(rows);
});

test('a view of a part of an array has only the bytes of that part', () => {
  expect(bytesToRows(rowsToBytes(rows.subarray(1, 3)), 1, 2)).toEqual(Float32Array.of(-2.5, 3e-20));
});

test('a wrong number of bytes is refused', () => {
  expect(() => bytesToRows(new Uint8Array(15), 2, 2)).toThrow('15 bytes; 2 rows of 2 floats need 16');
});

test('16-bit numbers are read correctly at an odd offset', () => {
  const odd = new Uint8Array(5);
  odd.set(uint16ToBytes(Uint16Array.of(1, 0xfffe)), 1);
  expect(bytesToUint16(odd.subarray(1))).toEqual(Uint16Array.of(1, 0xfffe));
  expect(() => bytesToUint16(new Uint8Array(3))).toThrow('cannot fill 3 bytes');
});
