// Runs one sequence through a dense device and an expert device layer by layer, as the engine does: chunks of the prompt,
// then single positions.
import { expertLayers, type ModelConfig } from '../../model/config/model-config.ts';
import type { DenseDevice, Rows } from '../../model/devices/dense.ts';
import type { ExpertDevice } from '../../model/devices/expert.ts';
import { combine } from '../../router/combine.ts';
import type { Assignment } from '../../router/routing/assignment.ts';
import { type RoutingRule, select, weighInputs } from '../../router/selection.ts';
import { choose } from '../reference/routing.ts';

export interface DriveOptions {
  config: ModelConfig;
  dense: DenseDevice;
  /** The device must have loaded every unit. */
  experts: ExpertDevice;
  /** One for each layer with experts. */
  rules: readonly RoutingRule[];
  ids: readonly number[];
  /** Number of rows of each step. Their sum is the length of `ids`. */
  steps: readonly number[];
  /** Experts for `[layer with experts][position]` that replace the device's choice. Their weights still come from the device's scores. */
  forced?: readonly (readonly (readonly number[] | undefined)[])[];
}

export interface DriveResult {
  /** `[positions][vocab]` */
  logits: Float32Array[];
  /** Experts of `[layer with experts][position]`, best first. */
  experts: number[][][];
}

export async function drive(options: DriveOptions): Promise<DriveResult> {
  const { config, dense, rules, ids, steps } = options;
  const withExperts = expertLayers(config);
  const sequence = 1;
  const logits: Float32Array[] = [];
  const chosen: number[][][] = withExperts.map(() => []);
  const blocks = Array.from({ length: Math.ceil(ids.length / dense.kv.blockSize) }, (_, i) => i);
  dense.allocate(blocks.length);
  dense.open(sequence);
  let start = 0;
  for (const count of steps) {
    let hidden = dense.embed(Int32Array.from(ids.slice(start, start + count)));
    for (let layer = 0; layer < config.layers; layer++) {
      const { residual, x, scores } = await dense.layer(layer, hidden, [{ sequence, start, count, blocks }]);
      hidden = residual.slice();
      const hop = withExperts.indexOf(layer);
      if (hop === -1) continue;
      const assignment = assign(options, hop, start, scores);
      for (let row = 0; row < count; row++) chosen[hop]?.push(expertsOf(assignment, row));
      const inputs = x.slice();
      const weighted = rules[hop]?.weighsInput ? weighInputs(inputs, config.hidden, assignment) : assignment;
      const answers = await options.experts.run(hop, inputs, asksOf(assignment));
      combine(hidden, answers, weighted, config.hidden);
    }
    const rows = await dense.head(hidden);
    for (let row = 0; row < count; row++) {
      logits.push(rows.slice(row * config.vocab, (row + 1) * config.vocab));
    }
    start += count;
  }
  dense.close(sequence);
  return { logits, experts: chosen };
}

/** The assignment of the router, in which forced experts replace the chosen ones. */
function assign({ config, rules, forced }: DriveOptions, hop: number, start: number, scores: Rows) {
  const rule = rules[hop];
  if (rule === undefined) throw new Error(`there is no rule for layer ${hop} of those with experts`);
  const { k, bias } = rule;
  const assignment = select(scores, config.experts, rule);
  for (let row = 0; row * k < assignment.experts.length; row++) {
    const experts = forced?.[hop]?.[start + row];
    if (!experts) continue;
    const ofRow = Float64Array.from(scores.subarray(row * config.experts, (row + 1) * config.experts));
    const { weights } = choose(ofRow, k, config.routing, bias && Float64Array.from(bias), experts);
    assignment.experts.set(experts, row * k);
    assignment.weights.set(weights, row * k);
  }
  return assignment;
}

/** Pairs (row, expert) of the assignment, in the order of rows and ranks. */
function asksOf({ k, experts }: Assignment): Uint16Array {
  return Uint16Array.from({ length: 2 * experts.length }, (_, i) => {
    return i % 2 === 0 ? Math.floor(i / 2 / k) : experts[(i - 1) / 2]!;
  });
}

function expertsOf({ k, experts }: Assignment, row: number): number[] {
  return [...experts.subarray(row * k, (row + 1) * k)];
}
