// The MLPs of the reference: dense layers, experts and shared experts.
//
// Sources: modeling_gpt_oss.py (clamp, biases), modeling_llama4.py (weights on inputs) and modeling_qwen2_moe.py (gated shared
// expert) of huggingface/transformers 5.24.
import type { ModelConfig } from '../../model/config/model-config.ts';
import type { Rounding } from './rounding.ts';
import { type Choice, choose } from './routing.ts';
import { add, dot, multiply, scaled, sigmoid } from './rows.ts';
import type { ReferenceMlp, ReferenceRouted } from './weights.ts';

interface MlpOptions {
  position: number;
  rounding: Rounding;
  /** Names of the input row and of the inner row. */
  places: { in: string; inner: string };
  clamp?: ModelConfig['clamp'];
}

/** `down(silu(gate x) * up x)`, or with the clamped function of `clamp`, and with biases, if there are any. */
export function mlp(
  x: Float64Array,
  { gate, up, down, biases }: ReferenceMlp,
  { position, rounding, places, clamp }: MlpOptions,
): Float64Array {
  const row = rounding.input(x, places.in, position, gate);
  const gated = multiply(gate, row, biases?.gate);
  const raised = multiply(up, row, biases?.up);
  const inner = gated.map((g, i) => {
    const u = raised[i] as number;
    if (clamp === undefined) return g * sigmoid(g) * u;
    const low = Math.min(g, clamp.limit);
    const between = Math.max(-clamp.limit, Math.min(u, clamp.limit));
    return low * sigmoid(clamp.alpha * low) * (between + 1);
  });
  return multiply(down, rounding.input(inner, places.inner, position, down), biases?.down);
}

interface RoutedOptions {
  config: ModelConfig;
  /** Number of the layer among all layers. */
  layer: number;
  /** Number of experts, or a function that gets all experts, best first, with weights that are not divided by their sum. */
  k: number | ((all: Choice) => number);
  position: number;
  rounding: Rounding;
  /** Experts that replace the reference's own choice. */
  forced?: readonly number[] | undefined;
  /** Whether an expert takes the row. Called once for each chosen expert. Default: every expert does. */
  takes?: ((expert: number) => boolean) | undefined;
}

/** What a layer with experts adds to the residual stream. */
export function routed(
  x: Float64Array,
  { router, routerBias, selectionBias, experts, sharedExpert, sharedGate }: ReferenceRouted,
  { config, layer, k, position, rounding, forced, takes = () => true }: RoutedOptions,
): { choice: Choice; added: Float64Array } {
  const { routing, clamp, multipliers } = config;
  const scores = multiply(router, x, routerBias);
  const ranked = () => choose(scores, experts.length, { ...routing, renormalise: false }, selectionBias);
  const count = typeof k === 'number' ? k : k(ranked());
  const choice = choose(scores, count, routing, selectionBias, forced);
  let added: Float64Array = new Float64Array(x.length);
  for (const [rank, expert] of choice.experts.entries()) {
    if (!takes(expert)) continue;
    const weight = choice.weights[rank] as number;
    const places = { in: `${layer}/expert/in`, inner: `${layer}/expert/${expert}` };
    const input = routing.weighsInput ? scaled(x, weight) : x;
    const answer = mlp(input, experts[expert] as ReferenceMlp, {
      ...{ position, rounding, places },
      ...(clamp && { clamp }),
    });
    added = add(added, answer, routing.weighsInput ? 1 : weight);
  }
  if (sharedExpert === undefined) return { choice, added };
  // The shared expert has the input of the experts, unless their input is weighted.
  const input = routing.weighsInput ? `${layer}/shared/in` : `${layer}/expert/in`;
  const places = { in: input, inner: `${layer}/shared/inner` };
  const gate = sharedGate === undefined ? 1 : sigmoid(dot(sharedGate, x));
  // The residual multiplier is part of the experts' weights (`routing.scale`), but not of the shared expert's.
  const factor = gate * (multipliers?.residual ?? 1);
  return { choice, added: add(added, mlp(x, sharedExpert, { position, rounding, places }), factor) };
}
