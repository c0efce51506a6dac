// Adds a row of zeros to 4-bit products. On some CPUs, ONNX Runtime computes a product of a single row with other bits than the
// same row in a batch (docs/decisions/0003-exact-in-any-batch.md).
import { instructionSet } from './instructions.ts';
import { floatInitializer, int64Initializer } from './product.ts';
import type { Graph, Initializer, Node } from './proto.ts';

/** Whether ONNX Runtime computes a single row with other bits on this CPU. */
export function singleRowsDiffer(): boolean {
  return !instructionSet().endsWith('-avx512_vnni');
}

/** The same graph, except that every 4-bit product also computes a row of zeros. That row's answer is cut off. */
export function withZeroRows(graph: Graph): Graph {
  const parts = graph.nodes.map((node) =>
    isSensitive(node) ? besideZeros(node) : { nodes: [node], constants: [] },
  );
  return {
    ...graph,
    nodes: parts.flatMap(({ nodes }) => nodes),
    initializers: [...graph.initializers, ...parts.flatMap(({ constants }) => constants)],
  };
}

function isSensitive({ op, attributes }: Node): boolean {
  return op === 'MatMulNBits' && attributes?.bits === 4;
}

function besideZeros(node: Node): { nodes: Node[]; constants: Initializer[] } {
  const [input = '', ...weights] = node.inputs;
  const [output = ''] = node.outputs;
  const width = Number(node.attributes?.K);
  const name = (what: string) => `${output}.${what}`;
  return {
    nodes: [
      { op: 'Concat', inputs: [input, name('zeros')], outputs: [name('in')], attributes: { axis: 0 } },
      { ...node, inputs: [name('in'), ...weights], outputs: [name('out')] },
      { op: 'Slice', inputs: [name('out'), name('first'), name('last')], outputs: [output] },
    ],
    constants: [
      floatInitializer(name('zeros'), [1, width], new Float32Array(width)),
      int64Initializer(name('first'), [0]),
      int64Initializer(name('last'), [-1]),
    ],
  };
}
