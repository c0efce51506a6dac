// What storing weights at fewer bits costs: sums of squared errors, which tasks measure and which are merged by kind of tensor. Pure.

/** Sums over the weights of one tensor. */
export interface PartErrors {
  values: number;
  /** Sum of squared weights of the source. */
  squares: number;
  /** Sum of squared differences between the stored and the source's weights. */
  errorSquares: number;
  /** The largest difference. */
  largest: number;
}

/** Errors of all tensors of one kind. */
export interface KindErrors {
  kind: string;
  tensors: number;
  values: number;
  /** Root mean square of the errors, relative to that of the weights. */
  relative: number;
  /** The largest error of one weight, relative to the root mean square of its own tensor. */
  worst: number;
}

/** Checks a value that JSON had. */
export function isPartErrors(json: unknown): json is PartErrors {
  if (typeof json !== 'object' || json === null) return false;
  const { values, squares, errorSquares, largest }: Record<string, unknown> = { ...json };
  return [values, squares, errorSquares, largest].every((sum) => typeof sum === 'number');
}

export const noErrors: PartErrors = { values: 0, squares: 0, errorSquares: 0, largest: 0 };

/** The sums with those of a strip added: its weights in the source, and the same weights as they are stored. */
export function addStrip(sums: PartErrors, source: Float32Array, stored: Float32Array): PartErrors {
  let { squares, errorSquares, largest } = sums;
  for (let i = 0; i < source.length; i++) {
    const value = source[i]!;
    const error = stored[i]! - value;
    squares += value * value;
    errorSquares += error * error;
    largest = Math.max(largest, Math.abs(error));
  }
  return { values: sums.values + source.length, squares, errorSquares, largest };
}

/** Ends of canonical names and the kinds that the report lists, in its order. The first that fits counts. */
const kinds: readonly (readonly [kind: string, name: RegExp])[] = [
  ['embedding', /embed_tokens\.weight$/],
  ['q', /\.q_proj\.weight$/],
  ['k', /\.k_proj\.weight$/],
  ['v', /\.v_proj\.weight$/],
  ['o', /\.o_proj\.weight$/],
  ['router', /\.mlp\.gate\.weight$/],
  ['expert gate', /\.experts\.\d+\.gate_proj\.weight$/],
  ['expert up', /\.experts\.\d+\.up_proj\.weight$/],
  ['expert down', /\.experts\.\d+\.down_proj\.weight$/],
  ['shared gate', /\.shared_expert\.gate_proj\.weight$/],
  ['shared up', /\.shared_expert\.up_proj\.weight$/],
  ['shared down', /\.shared_expert\.down_proj\.weight$/],
  ['dense gate', /\.mlp\.gate_proj\.weight$/],
  ['dense up', /\.mlp\.up_proj\.weight$/],
  ['dense down', /\.mlp\.down_proj\.weight$/],
  ['head', /lm_head\.weight$/],
];

const OTHER = 'norms and biases';

/** The kind of a tensor, by its canonical name. */
export function kindOf(name: string): string {
  return kinds.find(([, pattern]) => pattern.test(name))?.[0] ?? OTHER;
}

/** One entry for each kind that has tensors, and `all` at the end. */
export function mergeErrors(parts: Iterable<{ name: string; errors: PartErrors }>): KindErrors[] {
  const merged = new Map<string, PartErrors & { tensors: number; worst: number }>();
  for (const { name, errors } of parts) {
    for (const kind of [kindOf(name), 'all']) {
      const sums = merged.get(kind) ?? { ...noErrors, tensors: 0, worst: 0 };
      merged.set(kind, {
        tensors: sums.tensors + 1,
        values: sums.values + errors.values,
        squares: sums.squares + errors.squares,
        errorSquares: sums.errorSquares + errors.errorSquares,
        largest: Math.max(sums.largest, errors.largest),
        worst: Math.max(sums.worst, ratio(errors.largest, Math.sqrt(errors.squares / errors.values))),
      });
    }
  }
  return [...kinds.map(([kind]) => kind), OTHER, 'all'].flatMap((kind) => {
    const sums = merged.get(kind);
    if (sums === undefined) return [];
    const { tensors, values, squares, errorSquares, worst } = sums;
    return [{ kind, tensors, values, relative: ratio(Math.sqrt(errorSquares), Math.sqrt(squares)), worst }];
  });
}

/** An error of 0 is 0 even if all weights are. */
function ratio(error: number, size: number): number {
  return error === 0 ? 0 : error / size;
}
