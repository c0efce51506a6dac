// The whole forward pass of a Mixture-of-Experts language model in float64 and plain loops. It takes a sequence and returns the
// logits of every position. It is written to be compared with the papers, not to be fast.
import type { ModelConfig } from '../../model/config/config.ts';
import { roundToFloat16 } from './float16.ts';
import { roundToInt8 } from './int8.ts';
import { type Rope, ropeOf, rotate } from './rope.ts';
import { type Choice, choose, softmax } from './routing.ts';
import type { ReferenceExpert, ReferenceLayer, ReferenceMatrix, ReferenceWeights } from './weights.ts';

export interface ForwardOptions {
  config: ModelConfig;
  weights: ReferenceWeights;
  ids: readonly number[];
  /** `int8`: the input rows of quantised matrices are rounded to int8 first (test/reference/int8.ts). */
  activations?: 'float' | 'int8';
  /** `float16`: keys and values are kept in float16. */
  keyValues?: 'float' | 'float16';
  /** `[layer][position]`, experts to use instead of the reference's own choice. */
  forcedExperts?: readonly (readonly (readonly number[] | undefined)[])[];
  /** Names of near ties that are rounded the other way. */
  flips?: ReadonlySet<string>;
}

/** An activation, key or value so near to a tie that a float32 device may round it to the other int8 or float16. */
export interface NearTie {
  /** `layer/input/position/index`; the same in every run. */
  name: string;
  position: number;
  /** Distance from the tie, in rounding steps. */
  distance: number;
}

export interface ForwardResult {
  /** `[positions][vocab]` */
  logits: Float64Array[];
  /** `[layers][positions]` */
  routing: Choice[][];
  nearTies: NearTie[];
}

/** Rounds a row as a device does before it multiplies by `matrix`. `place` names the row, which several matrices may share. */
type Rounding = (row: Float64Array, place: string, position: number, matrix: ReferenceMatrix) => Float64Array;

/** Rounds a key or value as the KV cache does. */
type Keeping = (row: Float64Array, place: string, position: number) => Float64Array;

export function forward({
  config,
  weights,
  ids,
  activations = 'float',
  keyValues = 'float',
  forcedExperts,
  flips = new Set(),
}: ForwardOptions): ForwardResult {
  const nearTies: NearTie[] = [];
  const rounded = (round: typeof roundToInt8, row: Float64Array, place: string, position: number) => {
    const prefix = `${place}/${position}/`;
    const flipped = new Set<number>();
    for (const name of flips) if (name.startsWith(prefix)) flipped.add(Number(name.slice(prefix.length)));
    const { values, nearTies: ties } = round(row, flipped);
    for (const { index, distance } of ties) nearTies.push({ name: prefix + index, position, distance });
    return values;
  };
  const input: Rounding = (row, place, position, matrix) => {
    if (activations === 'float' || !matrix.quantised) return row;
    return rounded(roundToInt8, row, place, position);
  };
  const kept: Keeping = (row, place, position) => {
    return keyValues === 'float' ? row : rounded(roundToFloat16, row, place, position);
  };

  const rope = ropeOf(config);
  const routing: Choice[][] = [];
  let hidden = ids.map((id) => rowOf(weights.embedding, id));
  weights.layers.forEach((layer, l) => {
    const normed = hidden.map((row) => rmsNorm(row, layer.inputNorm, config.normEps));
    const attended = attention(normed, layer, config, rope, kept, input, `${l}/attention`);
    const residual = hidden.map((row, t) => add(row, attended[t] as Float64Array));
    const choices: Choice[] = [];
    hidden = residual.map((row, t) => {
      const x = rmsNorm(row, layer.postNorm, config.normEps);
      const k = config.expertsPerToken[l] ?? 1;
      const scores = multiply(layer.router, x);
      const choice = choose(scores, k, config.routing, layer.selectionBias, forcedExperts?.[l]?.[t]);
      choices.push(choice);
      return choice.experts.reduce((sum, e, rank) => {
        const answer = swiglu(x, layer.experts[e] as ReferenceExpert, t, input, `${l}/expert`, e);
        return add(sum, answer, choice.weights[rank]);
      }, row);
    });
    routing.push(choices);
  });
  const logits = hidden.map((row, t) => {
    const normed = rmsNorm(row, weights.finalNorm, config.normEps);
    return multiply(weights.head, input(normed, 'head', t, weights.head));
  });
  // The experts of one token share their input, so each of them reports the input's near ties. Only one report is kept.
  const unique = new Map(nearTies.map((tie) => [tie.name, tie]));
  return { logits, routing, nearTies: [...unique.values()] };
}

/** Causal attention with grouped key/value heads, from rows of all positions to rows of all positions. */
function attention(
  rows: Float64Array[],
  layer: ReferenceLayer,
  { heads, kvHeads, headDim, qkNorm, normEps }: ModelConfig,
  rope: Rope,
  kept: Keeping,
  input: Rounding,
  place: string,
): Float64Array[] {
  const headsOf = (row: Float64Array, position: number, norm: Float64Array | undefined): Float64Array[] => {
    const whole = norm && qkNorm === 'projection' ? rmsNorm(row, norm, normEps) : row;
    return split(whole, headDim).map((head) => {
      return rotate(norm && qkNorm === 'head' ? rmsNorm(head, norm, normEps) : head, position, rope);
    });
  };
  const queries: Float64Array[][] = [];
  const keys: Float64Array[][] = [];
  const values: Float64Array[][] = [];
  return rows.map((row, t) => {
    const x = input(row, `${place}/in`, t, layer.q);
    queries.push(headsOf(multiply(layer.q, x), t, layer.qNorm));
    keys.push(
      headsOf(multiply(layer.k, x), t, layer.kNorm).map((row, h) => kept(row, `${place}/key${h}`, t)),
    );
    values.push(split(multiply(layer.v, x), headDim).map((row, h) => kept(row, `${place}/value${h}`, t)));
    const mixed = new Float64Array(heads * headDim);
    for (let h = 0; h < heads; h++) {
      const group = Math.floor(h / (heads / kvHeads));
      const query = queries[t]?.[h] as Float64Array;
      const scores = Float64Array.from(
        keys,
        (key) => dot(query, key[group] as Float64Array) / Math.sqrt(headDim),
      );
      softmax(scores).forEach((share, s) => {
        const value = values[s]?.[group] as Float64Array;
        for (let i = 0; i < headDim; i++) mixed[h * headDim + i]! += share * (value[i] as number);
      });
    }
    return multiply(layer.o, input(mixed, `${place}/out`, t, layer.o));
  });
}

/** `down(silu(gate x) * up x)` */
function swiglu(
  x: Float64Array,
  { gate, up, down }: ReferenceExpert,
  position: number,
  input: Rounding,
  place: string,
  expert: number,
): Float64Array {
  const row = input(x, `${place}/in`, position, gate);
  const gated = multiply(gate, row);
  const raised = multiply(up, row);
  const inner = gated.map((g, i) => (g / (1 + Math.exp(-g))) * (raised[i] as number));
  return multiply(down, input(inner, `${place}/${expert}`, position, down));
}

export function rmsNorm(row: Float64Array, weight: Float64Array, eps: number): Float64Array {
  const scale = 1 / Math.sqrt(dot(row, row) / row.length + eps);
  return row.map((value, i) => value * scale * (weight[i] as number));
}

function multiply({ rows, cols, data }: ReferenceMatrix, x: Float64Array): Float64Array {
  if (x.length !== cols) throw new Error(`a row of ${x.length} meets a matrix of ${rows} x ${cols}`);
  return Float64Array.from({ length: rows }, (_, r) => dot(data.subarray(r * cols, (r + 1) * cols), x));
}

function rowOf({ rows, cols, data }: ReferenceMatrix, row: number): Float64Array {
  if (row >= rows) throw new Error(`token ${row} of a vocabulary of ${rows}`);
  return data.slice(row * cols, (row + 1) * cols);
}

function split(row: Float64Array, width: number): Float64Array[] {
  return Array.from({ length: row.length / width }, (_, i) => row.subarray(i * width, (i + 1) * width));
}

function add(a: Float64Array, b: Float64Array, weight = 1): Float64Array {
  return a.map((value, i) => value + weight * (b[i] as number));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
