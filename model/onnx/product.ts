// The product y = x Wᵀ as ONNX nodes, for each encoding of W.
import { instructionSet } from '../devices/instructions.ts';
import type { Matrix } from '../tensor.ts';
import { dequantize, GROUP, isTiled, precisionOf, toBlocks } from '../tiles.ts';
import type { Initializer, Node } from './proto.ts';

export interface Part {
  nodes: Node[];
  initializers: Initializer[];
}

export interface ProductOptions {
  padRows?: number;
  padCols?: number;
  company?: boolean;
}

/**
 * `output [rows, N] = input [rows, cols] Wᵀ`, where W is the given matrices stacked by rows, each padded with rows of
 * zeros to a multiple of `padRows`, and `cols` is padded with zero inputs to a multiple of `padCols`. The bits of a row do not
 * depend on the rows beside it: float32 `Gemm`, and `MatMulNBits` at group 32 with int8 activations (accuracy level 4), both
 * have that property (test/model/devices/exactness.test.ts). The exception is a 4-bit product of a single row on some CPUs.
 * With `company`, a row of zeros is computed beside the input and dropped again.
 */
export function product(
  input: string,
  output: string,
  stack: readonly Matrix[],
  { padRows = 1, padCols = 1, company = lonelyRowsDiffer() }: ProductOptions = {},
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

  const { bits, onnx } = precisionOf(encoding);
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
  const part = {
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
  } satisfies Part;
  return onnx.lonelyRowsDiffer && company ? besideZeros(part, input, output, width) : part;
}

/** Whether ONNX Runtime gives a single row of a 4-bit product other bits than the same row beside others. */
function lonelyRowsDiffer(): boolean {
  return !instructionSet().endsWith('-avx512_vnni');
}

/** The same product with an additional row of zeros, whose answer is cut off. */
function besideZeros(
  { nodes: [node], initializers }: Part,
  input: string,
  output: string,
  width: number,
): Part {
  if (node === undefined) throw new Error(`${output}: a product without a node`);
  const name = (what: string) => `${output}.${what}`;
  const [, ...weights] = node.inputs;
  return {
    nodes: [
      { op: 'Concat', inputs: [input, name('zeros')], outputs: [name('in')], attributes: { axis: 0 } },
      { ...node, inputs: [name('in'), ...weights], outputs: [name('out')] },
      { op: 'Slice', inputs: [name('out'), name('first'), name('last')], outputs: [output] },
    ],
    initializers: [
      ...initializers,
      floatInitializer(name('zeros'), [1, width], new Float32Array(width)),
      int64Initializer(name('first'), [0]),
      int64Initializer(name('last'), [-1]),
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
