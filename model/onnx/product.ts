// The product y = x Wᵀ as ONNX nodes, for each encoding of W.
import type { Matrix } from '../tensor.ts';
import { dequantize, GROUP, isTiled, precisionOf, toBlocks } from '../tiles.ts';
import type { Initializer, Node } from './proto.ts';

export interface Part {
  nodes: Node[];
  initializers: Initializer[];
}

/**
 * `output [rows, N] = input [rows, cols] Wᵀ`. W is the matrices of `stack`, stacked by rows. Each is padded with rows of zeros to
 * a multiple of `padRows`, and with zero inputs to a multiple of `padCols`.
 *
 * The bits of a row do not depend on the other rows. Both operators have this property (test/model/devices/exactness.test.ts):
 * `Gemm` in float32, and `MatMulNBits` at group 32 with int8 activations (accuracy level 4). The exception is a 4-bit product of
 * a single row on some CPUs (single-rows.ts).
 */
export function product(
  input: string,
  output: string,
  stack: readonly Matrix[],
  { padRows = 1, padCols = 1 }: { padRows?: number; padCols?: number } = {},
): Part {
  const { encoding, cols } = stack[0]!;
  if (stack.some((matrix) => matrix.encoding !== encoding || matrix.cols !== cols)) {
    throw new Error(`${output}: stacked matrices differ in encoding or width`);
  }
  const height = stack.map((matrix) => roundUp(matrix.rows, padRows));
  const rows = height.reduce((sum, each) => sum + each, 0);
  const width = roundUp(cols, padCols);
  const starts = height.map((_, index) => height.slice(0, index).reduce((sum, each) => sum + each, 0));
  const weight = `${output}.weight`;

  if (!isTiled(encoding)) {
    const values = new Float32Array(rows * width);
    for (const [index, matrix] of stack.entries()) {
      const source = dequantize(matrix);
      for (let row = 0; row < matrix.rows; row++) {
        values.set(source.subarray(row * cols, (row + 1) * cols), (starts[index]! + row) * width);
      }
    }
    return {
      nodes: [{ op: 'Gemm', inputs: [input, weight], outputs: [output], attributes: { transB: 1 } }],
      initializers: [floatInitializer(weight, [rows, width], values)],
    };
  }

  const { blockBits: bits } = precisionOf(encoding);
  const groups = Math.ceil(width / GROUP);
  if (groups !== Math.ceil(cols / GROUP)) throw new Error(`${output}: padCols may not add a group`);
  const groupBytes = (GROUP * bits) / 8;
  const blocks = new Uint8Array(rows * groups * groupBytes);
  const scales = new Float32Array(rows * groups);
  for (const [index, matrix] of stack.entries()) {
    const source = toBlocks(matrix);
    blocks.set(source.blocks, starts[index]! * groups * groupBytes);
    scales.set(source.scales, starts[index]! * groups);
  }
  return {
    nodes: [
      {
        op: 'MatMulNBits',
        domain: 'com.microsoft',
        inputs: [input, weight, `${output}.scales`],
        outputs: [output],
        attributes: { K: width, N: rows, bits, block_size: GROUP, accuracy_level: 4 },
      },
    ],
    initializers: [
      { name: weight, type: 'uint8', shape: [rows, groups, groupBytes], data: blocks },
      floatInitializer(`${output}.scales`, [rows * groups], scales),
    ],
  };
}

export function floatInitializer(name: string, shape: readonly number[], values: Float32Array): Initializer {
  return {
    name,
    type: 'float',
    shape,
    data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

export function int64Initializer(name: string, values: readonly number[]): Initializer {
  const data = BigInt64Array.from(values, BigInt);
  return { name, type: 'int64', shape: [values.length], data: new Uint8Array(data.buffer) };
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
