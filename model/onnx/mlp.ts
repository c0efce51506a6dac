// SwiGLU as ONNX nodes: one expert, and the MLPs of the dense part.
import type { ModelConfig } from '../config/model-config.ts';
import type { Mlp } from '../devices/dense-weights.ts';
import type { ExpertWeights, Matrix } from '../tensor.ts';
import { floatInitializer, type Part, product, roundUp } from './product.ts';
import type { Graph, Initializer, Node } from './proto.ts';

/**
 * Widths are padded to whole vectors of this many values, because the element-wise operators compute the end of a buffer by
 * another path. Without padding, a row's bits would depend on its place in the batch.
 */
export const VECTOR = 32;

/** `output = a + factor * b` */
export function addScaled(a: string, b: string, factor: number, output: string): Part {
  if (factor === 1) return { nodes: [{ op: 'Add', inputs: [a, b], outputs: [output] }], initializers: [] };
  const name = `${output}.factor`;
  return {
    nodes: [
      { op: 'Mul', inputs: [b, name], outputs: [`${output}.scaled`] },
      { op: 'Add', inputs: [a, `${output}.scaled`], outputs: [output] },
    ],
    initializers: [floatInitializer(name, [1], Float32Array.of(factor))],
  };
}

/** `output = down(silu(gate x) * up x)` */
export function addMlp(input: string, output: string, { gate, up, down }: Mlp<Matrix>): Part {
  const inner = `${output}.inner`;
  const gateUp = product(input, `${output}.gate_up`, [gate, up], { padRows: VECTOR });
  const last = product(inner, output, [down], { padCols: VECTOR });
  return {
    nodes: [...gateUp.nodes, ...split(`${output}.gate_up`, output), ...silu(output, inner), ...last.nodes],
    initializers: [...gateUp.initializers, ...last.initializers],
  };
}

function split(input: string, prefix: string): Node[] {
  const outputs = [`${prefix}.gate`, `${prefix}.up`];
  return [{ op: 'Split', inputs: [input], outputs, attributes: { axis: 1, num_outputs: 2 } }];
}

function silu(prefix: string, output: string): Node[] {
  return [
    { op: 'Sigmoid', inputs: [`${prefix}.gate`], outputs: [`${prefix}.sigmoid`] },
    { op: 'Mul', inputs: [`${prefix}.gate`, `${prefix}.sigmoid`], outputs: [`${prefix}.silu`] },
    { op: 'Mul', inputs: [`${prefix}.silu`, `${prefix}.up`], outputs: [output] },
  ];
}

/** `g sigmoid(alpha g) (u + 1)` with g at most `limit` and u within ±`limit`. */
function clampedGlu({ alpha, limit }: NonNullable<ModelConfig['clamp']>): Part {
  const scalars: Initializer[] = Object.entries({ alpha, limit, least: -limit, one: 1 }).map(
    ([name, value]) => floatInitializer(name, [], Float32Array.of(value)),
  );
  return {
    nodes: [
      { op: 'Min', inputs: ['y.gate', 'limit'], outputs: ['clamped.gate'] },
      { op: 'Clip', inputs: ['y.up', 'least', 'limit'], outputs: ['clamped.up'] },
      { op: 'Mul', inputs: ['clamped.gate', 'alpha'], outputs: ['scaled.gate'] },
      { op: 'Sigmoid', inputs: ['scaled.gate'], outputs: ['sigmoid'] },
      { op: 'Mul', inputs: ['clamped.gate', 'sigmoid'], outputs: ['glu'] },
      { op: 'Add', inputs: ['clamped.up', 'one'], outputs: ['up.one'] },
      { op: 'Mul', inputs: ['glu', 'up.one'], outputs: ['y.inner'] },
    ],
    initializers: scalars,
  };
}

/** One expert, `x [n, d]` → `y [n, d]`. */
export function expert(
  { hidden, clamp }: Pick<ModelConfig, 'hidden' | 'clamp'>,
  { gate, up, down, biases }: ExpertWeights,
): Graph {
  const plain = biases === undefined ? ['y.gate_up', 'y'] : ['y.gate_up.plain', 'y.plain'];
  const [first = '', last = ''] = plain;
  const gateUp = product('x', first, [gate, up], { padRows: VECTOR });
  const output = product('y.inner', last, [down], { padCols: VECTOR });
  const glu = clamp === undefined ? { nodes: silu('y', 'y.inner'), initializers: [] } : clampedGlu(clamp);
  const wide = roundUp(gate.rows, VECTOR);
  const bias = new Float32Array(2 * wide);
  bias.set(biases?.gate ?? []);
  bias.set(biases?.up ?? [], wide);
  const add = (input: string, name: string, to: string): Node => ({
    op: 'Add',
    inputs: [input, name],
    outputs: [to],
  });
  return {
    name: 'expert',
    inputs: [{ name: 'x', type: 'float', shape: ['n', hidden] }],
    outputs: [{ name: 'y', type: 'float', shape: ['n', hidden] }],
    initializers: [
      ...[...gateUp.initializers, ...glu.initializers, ...output.initializers],
      ...(biases === undefined
        ? []
        : [
            floatInitializer('bias.in', [2 * wide], bias),
            floatInitializer('bias.out', [hidden], biases.down),
          ]),
    ],
    nodes: [
      ...gateUp.nodes,
      ...(biases === undefined ? [] : [add(first, 'bias.in', 'y.gate_up')]),
      ...split('y.gate_up', 'y'),
      ...glu.nodes,
      ...output.nodes,
      ...(biases === undefined ? [] : [add(last, 'bias.out', 'y')]),
    ],
  };
}
