// The graphs of one model: before attention, attention, after attention, head, one expert.
import type { ModelConfig } from '../config/config.ts';
import type { LayerWeights } from '../devices/dense-weights.ts';
import type { ExpertWeights, Matrix } from '../tensor.ts';
import { floatInitializer, int64Initializer, type Part, product } from './product.ts';
import type { Graph, Node, Port } from './proto.ts';

type Weights = LayerWeights<Matrix>;

const port = (name: string, ...shape: (number | string)[]): Port => ({ name, type: 'float', shape });

function rmsNorm(input: string, weight: string, output: string, epsilon: number): Node {
  return {
    op: 'SimplifiedLayerNormalization',
    inputs: [input, weight],
    outputs: [output],
    attributes: { axis: -1, epsilon: { float: epsilon } },
  };
}

/** `hidden [rows, d]`, `cos`, `sin [rows, headDim / 2]`, `row [1, rows]` = 0, 1, … → `q`, `k` (rotated), `v`. */
export function attentionInput(
  config: ModelConfig,
  weights: Pick<Weights, 'inputNorm' | 'q' | 'k' | 'v' | 'qNorm' | 'kNorm'>,
): Graph {
  const { hidden, heads, kvHeads, headDim, normEps } = config;
  const initializers = [floatInitializer('norm', [hidden], weights.inputNorm)];
  const nodes: Node[] = [rmsNorm('hidden', 'norm', 'x', normEps)];
  const add = (part: Part) => {
    nodes.push(...part.nodes);
    initializers.push(...part.initializers);
  };
  const rotated = (name: 'q' | 'k', matrix: Matrix, count: number, norm: Float32Array | undefined) => {
    const width = count * headDim;
    add(product('x', `${name}.product`, [matrix]));
    initializers.push(int64Initializer(`${name}.shape`, [1, -1, width]));
    let rows = `${name}.product`;
    if (norm !== undefined) {
      // A norm over rows of headDim values is a norm over each head.
      initializers.push(
        floatInitializer(`${name}.norm`, [norm.length], norm),
        int64Initializer(`${name}.split`, [-1, norm.length]),
      );
      nodes.push(
        { op: 'Reshape', inputs: [rows, `${name}.split`], outputs: [`${name}.heads`] },
        rmsNorm(`${name}.heads`, `${name}.norm`, `${name}.normed`, normEps),
      );
      rows = `${name}.normed`;
    }
    nodes.push(
      { op: 'Reshape', inputs: [rows, `${name}.shape`], outputs: [`${name}.rows`] },
      {
        op: 'RotaryEmbedding',
        domain: 'com.microsoft',
        inputs: [`${name}.rows`, 'row', 'cos', 'sin'],
        outputs: [name],
        attributes: { num_heads: count, rotary_embedding_dim: headDim, interleaved: 0 },
      },
    );
  };
  rotated('q', weights.q, heads, weights.qNorm);
  rotated('k', weights.k, kvHeads, weights.kNorm);
  add(product('x', 'v', [weights.v]));
  return {
    name: 'attention_input',
    inputs: [
      port('hidden', 'rows', hidden),
      port('cos', 'rows', headDim / 2),
      port('sin', 'rows', headDim / 2),
      { name: 'row', type: 'int64', shape: [1, 'rows'] },
    ],
    outputs: [
      port('q', 1, 'rows', heads * headDim),
      port('k', 1, 'rows', kvHeads * headDim),
      port('v', 'rows', kvHeads * headDim),
    ],
    initializers,
    nodes,
  };
}

/**
 * Attention of the last `n` positions of a sequence over a cache that the caller keeps: `q [1, n, heads * headDim]`,
 * `keys`, `values [1, kvHeads, capacity, headDim]`, `last [1]` = positions - 1, `positions []` → `out`.
 * If no new keys are given, the operator takes the cache as complete. The outputs `present_…` must be named but not fetched,
 * because fetching them copies the whole cache.
 */
export function attention({ heads, kvHeads, headDim }: ModelConfig): Graph {
  const none = {
    name: 'none',
    type: 'float',
    shape: [1, 0, kvHeads * headDim],
    data: new Uint8Array(0),
  } as const;
  return {
    name: 'attention',
    inputs: [
      port('q', 1, 'n', heads * headDim),
      port('keys', 1, kvHeads, 'capacity', headDim),
      port('values', 1, kvHeads, 'capacity', headDim),
      { name: 'last', type: 'int32', shape: [1] },
      { name: 'positions', type: 'int32', shape: [] },
    ],
    outputs: [
      port('out', 1, 'n', heads * headDim),
      port('present_keys', 1, kvHeads, 'present', headDim),
      port('present_values', 1, kvHeads, 'present', headDim),
    ],
    initializers: [none],
    nodes: [
      {
        op: 'GroupQueryAttention',
        domain: 'com.microsoft',
        inputs: ['q', 'none', 'none', 'keys', 'values', 'last', 'positions'],
        outputs: ['out', 'present_keys', 'present_values'],
        attributes: { num_heads: heads, kv_num_heads: kvHeads },
      },
    ],
  };
}

/** `attended [rows, heads * headDim]`, `hidden [rows, d]` → `residual`, `x` (normed), `scores [rows, experts]`. */
export function attentionOutput(
  config: ModelConfig,
  weights: Pick<Weights, 'o' | 'outputNorm' | 'router'>,
): Graph {
  const { hidden, heads, headDim, experts, normEps } = config;
  const output = product('attended', 'o', [weights.o]);
  return {
    name: 'attention_output',
    inputs: [port('attended', 'rows', heads * headDim), port('hidden', 'rows', hidden)],
    outputs: [port('residual', 'rows', hidden), port('x', 'rows', hidden), port('scores', 'rows', experts)],
    initializers: [
      ...output.initializers,
      floatInitializer('norm', [hidden], weights.outputNorm),
      floatInitializer('router', [experts, hidden], weights.router),
    ],
    nodes: [
      ...output.nodes,
      { op: 'Add', inputs: ['hidden', 'o'], outputs: ['residual'] },
      rmsNorm('residual', 'norm', 'x', normEps),
      { op: 'Gemm', inputs: ['x', 'router'], outputs: ['scores'], attributes: { transB: 1 } },
    ],
  };
}

/** `rows [n, d]` → final norm → `logits [n, vocab]`. */
export function head({ hidden, vocab, normEps }: ModelConfig, norm: Float32Array, weight: Matrix): Graph {
  const output = product('normed', 'logits', [weight]);
  return {
    name: 'head',
    inputs: [port('rows', 'n', hidden)],
    outputs: [port('logits', 'n', vocab)],
    initializers: [floatInitializer('norm', [hidden], norm), ...output.initializers],
    nodes: [rmsNorm('rows', 'norm', 'normed', normEps), ...output.nodes],
  };
}

/**
 * One SwiGLU expert, `x [n, d]` → `y [n, d]`. The inner width is padded to whole vectors, because the element-wise operators
 * compute the end of a buffer by another path. Without padding, a row's bits would depend on its place in the batch.
 */
export function expert({ hidden }: Pick<ModelConfig, 'hidden'>, { gate, up, down }: ExpertWeights): Graph {
  const vector = 32;
  const gateUp = product('x', 'gate_up', [gate, up], { padRows: vector });
  const output = product('inner', 'y', [down], { padCols: vector });
  return {
    name: 'expert',
    inputs: [port('x', 'n', hidden)],
    outputs: [port('y', 'n', hidden)],
    initializers: [...gateUp.initializers, ...output.initializers],
    nodes: [
      ...gateUp.nodes,
      { op: 'Split', inputs: ['gate_up'], outputs: ['gate', 'up'], attributes: { axis: 1, num_outputs: 2 } },
      { op: 'Sigmoid', inputs: ['gate'], outputs: ['sigmoid'] },
      { op: 'Mul', inputs: ['gate', 'sigmoid'], outputs: ['silu'] },
      { op: 'Mul', inputs: ['silu', 'up'], outputs: ['inner'] },
      ...output.nodes,
    ],
  };
}
