// The graphs of one model: before attention, attention, after attention, head, one expert.
import { type ModelConfig, rotaryDim } from '../config/model-config.ts';
import type { LayerWeights, RoutedMlp } from '../devices/dense-weights.ts';
import type { LayerAttention } from '../devices/layer-attention.ts';
import type { Matrix } from '../tensor.ts';
import { addMlp, addScaled, VECTOR } from './mlp.ts';
import { floatInitializer, int64Initializer, type Part, product } from './product.ts';
import type { Graph, Initializer, Node, Port } from './proto.ts';

type Weights = LayerWeights<Matrix>;

const port = (name: string, ...shape: (number | string)[]): Port => ({ name, type: 'float', shape });

/** An operator without its inputs and outputs. */
type Operator = Omit<Node, 'inputs' | 'outputs'>;

function norming(epsilon: number): Operator {
  return { op: 'SimplifiedLayerNormalization', attributes: { axis: -1, epsilon: { float: epsilon } } };
}

function rmsNorm(input: string, weight: string, output: string, epsilon: number): Node {
  return { ...norming(epsilon), inputs: [input, weight], outputs: [output] };
}

/** Adds a bias to every row of `input`. */
function addBias(input: string, bias: Float32Array, output: string): Part {
  return {
    nodes: [{ op: 'Add', inputs: [input, `${output}.bias`], outputs: [output] }],
    initializers: [floatInitializer(`${output}.bias`, [bias.length], bias)],
  };
}

/** A product with an optional bias. */
function linear(input: string, output: string, matrix: Matrix, bias: Float32Array | undefined): Part {
  if (bias === undefined) return product(input, output, [matrix]);
  return join(product(input, `${output}.plain`, [matrix]), addBias(`${output}.plain`, bias, output));
}

function join(...parts: readonly Part[]): Part {
  return {
    nodes: parts.flatMap(({ nodes }) => nodes),
    initializers: parts.flatMap(({ initializers }) => initializers),
  };
}

interface Rotated {
  config: ModelConfig;
  attention: LayerAttention;
  name: 'q' | 'k';
  matrix: Matrix;
  bias: Float32Array | undefined;
  /** Number of heads. */
  count: number;
  norm: Float32Array | undefined;
}

/** The rows of q or k, normed and rotated. A norm over rows of headDim values is a norm over each head. */
function rotated({ config, attention, name, matrix, bias, count, norm }: Rotated): Part {
  const { rotary, normLast } = attention;
  const { nodes, initializers } = linear('x', `${name}.product`, matrix, bias);
  const row = int64Initializer(`${name}.row`, [1, -1, count * config.headDim]);
  const chain: { node: Operator; others?: string[] }[] = [];
  const reshape = (shape: Initializer) => chain.push({ node: { op: 'Reshape' }, others: [shape.name] });
  const addNorm = (weight: Float32Array): void => {
    const split = int64Initializer(`${name}.split`, [-1, weight.length]);
    initializers.push(split, floatInitializer(`${name}.norm`, [weight.length], weight));
    reshape(split);
    chain.push({ node: norming(config.normEps), others: [`${name}.norm`] });
  };
  if (norm !== undefined && !normLast) addNorm(norm);
  reshape(row);
  if (rotary > 0) {
    const attributes = { num_heads: count, rotary_embedding_dim: rotary, interleaved: 0 };
    const node = { op: 'RotaryEmbedding', domain: 'com.microsoft', attributes } as const;
    chain.push({ node, others: ['row', 'cos', 'sin'] });
  }
  if (norm !== undefined && normLast) {
    addNorm(norm);
    reshape(row);
  }
  initializers.push(row);
  for (const [i, { node, others = [] }] of chain.entries()) {
    const input = i === 0 ? `${name}.product` : `${name}.${i}`;
    const output = i === chain.length - 1 ? name : `${name}.${i + 1}`;
    nodes.push({ ...node, inputs: [input, ...others], outputs: [output] });
  }
  return { nodes, initializers };
}

/** `hidden [rows, d]`, `cos`, `sin [rows, rotary / 2]`, `row [1, rows]` = 0, 1, … → `q`, `k` (rotated), `v`. */
export function attentionInput(
  config: ModelConfig,
  attention: LayerAttention,
  weights: Pick<Weights, 'inputNorm' | 'q' | 'k' | 'v' | 'qNorm' | 'kNorm' | 'inputBiases'>,
): Graph {
  const { hidden, heads, kvHeads, headDim, normEps } = config;
  const { inputBiases: biases } = weights;
  const unit = attention.unitNorm ? new Float32Array(headDim).fill(1) : undefined;
  const shared = { config, attention };
  const { nodes, initializers } = join(
    rotated({
      ...{ ...shared, name: 'q', matrix: weights.q, bias: biases?.q, count: heads },
      norm: weights.qNorm ?? unit,
    }),
    rotated({
      ...{ ...shared, name: 'k', matrix: weights.k, bias: biases?.k, count: kvHeads },
      norm: weights.kNorm ?? unit,
    }),
    linear('x', 'v', weights.v, biases?.v),
  );
  const half = rotaryDim(config) / 2;
  return {
    name: 'attention_input',
    inputs: [
      port('hidden', 'rows', hidden),
      port('cos', 'rows', half),
      port('sin', 'rows', half),
      { name: 'row', type: 'int64', shape: [1, 'rows'] },
    ],
    outputs: [
      port('q', 1, 'rows', heads * headDim),
      port('k', 1, 'rows', kvHeads * headDim),
      port('v', 'rows', kvHeads * headDim),
    ],
    initializers: [floatInitializer('norm', [hidden], weights.inputNorm), ...initializers],
    nodes: [rmsNorm('hidden', 'norm', 'x', normEps), ...nodes],
  };
}

/** The kinds of attention in a model. Layers of one kind share a session. */
export interface AttentionKind {
  scale: number;
  /** Whether the graph takes a `mask [1, 1, n, positions]`, which is added to the scores. */
  masked: boolean;
  /** Whether the graph takes `sinks [heads]`. */
  sinks: boolean;
}

/**
 * Attention of the last `n` positions of a sequence over a cache that the caller keeps: `q [1, n, heads * headDim]`,
 * `keys`, `values [1, kvHeads, capacity, headDim]`, `last [1]` = positions - 1, `positions []` → `out`.
 * If no new keys are given, the operator takes the cache as complete. The outputs `present_…` must be named but not fetched,
 * because fetching them copies the whole cache.
 */
export function attention(
  { heads, kvHeads, headDim }: Pick<ModelConfig, 'heads' | 'kvHeads' | 'headDim'>,
  kind: AttentionKind,
): Graph {
  const none: Initializer = {
    name: 'none',
    type: 'float',
    shape: [1, 0, kvHeads * headDim],
    data: new Uint8Array(0),
  };
  const { scale, masked, sinks } = kind;
  // Inputs 7 to 9 are rotations and positions, which are not used.
  const extra = ['', '', '', masked ? 'mask' : '', sinks ? 'sinks' : ''];
  const usual = ['q', 'none', 'none', 'keys', 'values', 'last', 'positions'];
  return {
    name: 'attention',
    inputs: [
      port('q', 1, 'n', heads * headDim),
      port('keys', 1, kvHeads, 'capacity', headDim),
      port('values', 1, kvHeads, 'capacity', headDim),
      { name: 'last', type: 'int32', shape: [1] },
      { name: 'positions', type: 'int32', shape: [] },
      ...(masked ? [port('mask', 1, 1, 'n', 'reach')] : []),
      ...(sinks ? [port('sinks', heads)] : []),
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
        inputs: masked || sinks ? [...usual, ...extra.slice(0, sinks ? 5 : 4)] : usual,
        outputs: ['out', 'present_keys', 'present_values'],
        attributes: {
          num_heads: heads,
          kv_num_heads: kvHeads,
          ...(scale !== 1 / Math.sqrt(headDim) && { scale: { float: scale } }),
        },
      },
    ],
  };
}

/**
 * `attended [rows, heads * headDim]`, `hidden [rows, d]` → `residual`, and in a layer with experts also `x` (normed) and
 * `scores [rows, experts]`. The residual stream includes the layer's MLP or shared expert.
 */
export function attentionOutput(
  config: ModelConfig,
  weights: Pick<Weights, 'o' | 'outputNorm' | 'outputBias' | 'mlp'>,
): Graph {
  const { hidden, heads, headDim, experts, normEps, multipliers } = config;
  const residual = multipliers?.residual ?? 1;
  const { mlp } = weights;
  const isRouted = mlp.kind === 'routed';
  // Without an MLP or a shared expert, the residual stream after attention is the layer's result.
  const attended = isRouted && mlp.shared === undefined ? 'residual' : 'attended.residual';
  const { nodes, initializers } = join(
    linear('attended', 'o', weights.o, weights.outputBias),
    addScaled('hidden', 'o', residual, attended),
    {
      nodes: [rmsNorm(attended, 'norm', 'x', normEps)],
      initializers: [floatInitializer('norm', [hidden], weights.outputNorm)],
    },
    isRouted
      ? routed(mlp, { experts, hidden, residual })
      : join(addMlp('x', 'mlp', mlp.weights), addScaled(attended, 'mlp', residual, 'residual')),
  );
  const outputs = isRouted ? [port('x', 'rows', hidden), port('scores', 'rows', experts)] : [];
  return {
    name: 'attention_output',
    inputs: [port('attended', 'rows', heads * headDim), port('hidden', 'rows', hidden)],
    outputs: [port('residual', 'rows', hidden), ...outputs],
    initializers,
    nodes,
  };
}

/** The router's scores, and the shared expert. */
function routed(
  { router, routerBias, shared, sharedGate }: RoutedMlp<Matrix>,
  { experts, hidden, residual }: { experts: number; hidden: number; residual: number },
): Part {
  const plain = routerBias === undefined ? 'scores' : 'scores.plain';
  const scores: Part = {
    nodes: [{ op: 'Gemm', inputs: ['x', 'router'], outputs: [plain], attributes: { transB: 1 } }],
    initializers: [floatInitializer('router', [experts, hidden], router)],
  };
  const biased = routerBias === undefined ? scores : join(scores, addBias(plain, routerBias, 'scores'));
  if (shared === undefined) return biased;
  const added = sharedGate === undefined ? 'shared' : 'shared.gated';
  return join(
    biased,
    addMlp('x', 'shared', shared),
    ...(sharedGate === undefined ? [] : [gated('shared', sharedGate, added)]),
    addScaled('attended.residual', added, residual, 'residual'),
  );
}

/** Multiplies each row of `input` by the sigmoid of x's product with `gate`. The product has a whole vector of equal columns. */
function gated(input: string, gate: Float32Array, output: string): Part {
  const columns = new Float32Array(VECTOR * gate.length);
  for (let column = 0; column < VECTOR; column++) columns.set(gate, column * gate.length);
  const weight = `${output}.weight`;
  return {
    nodes: [
      { op: 'Gemm', inputs: ['x', weight], outputs: [`${output}.scores`], attributes: { transB: 1 } },
      { op: 'Sigmoid', inputs: [`${output}.scores`], outputs: [`${output}.sigmoids`] },
      {
        op: 'Slice',
        inputs: [`${output}.sigmoids`, `${output}.from`, `${output}.to`, `${output}.axis`],
        outputs: [`${output}.factor`],
      },
      { op: 'Mul', inputs: [input, `${output}.factor`], outputs: [output] },
    ],
    initializers: [
      floatInitializer(weight, [VECTOR, gate.length], columns),
      int64Initializer(`${output}.from`, [0]),
      int64Initializer(`${output}.to`, [1]),
      int64Initializer(`${output}.axis`, [1]),
    ],
  };
}

/** `rows [n, d]` → final norm → `logits [n, vocab]`. */
export function head(config: ModelConfig, norm: Float32Array, weight: Matrix): Graph {
  const { hidden, vocab, normEps, multipliers } = config;
  // A factor on all logits is one on the norm's weights.
  const factor = multipliers?.logits ?? 1;
  const output = product('normed', 'logits', [weight]);
  return {
    name: 'head',
    inputs: [port('rows', 'n', hidden)],
    outputs: [port('logits', 'n', vocab)],
    initializers: [
      floatInitializer(
        'norm',
        [hidden],
        norm.map((each) => each * factor),
      ),
      ...output.initializers,
    ],
    nodes: [rmsNorm('rows', 'norm', 'normed', normEps), ...output.nodes],
  };
}
