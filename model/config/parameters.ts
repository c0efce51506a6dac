// Counts a model's parameters by its shape. Pure.
import { expertLayers, type ModelConfig } from './model-config.ts';

/** `active` counts the parameters that one token uses: the dense part, and the experts of one token. */
export function countParameters(config: ModelConfig): { all: number; active: number } {
  const { hidden, layers, experts, expertsPerToken, inner, vocab, denseMlp, expertBiases } = config;
  const routed = expertLayers(config).length;
  const embeddings = (config.tiedEmbeddings ? 1 : 2) * vocab * hidden;
  const mlps = (layers - routed) * 3 * hidden * (denseMlp?.inner ?? 0);
  const dense =
    embeddings +
    hidden +
    layers * (attentionParameters(config) + 2 * hidden) +
    mlps +
    routed * besideExperts(config);
  const expert = 3 * hidden * inner + (expertBiases ? 2 * inner + hidden : 0);
  const activeExperts = expertsPerToken.reduce((sum, k) => sum + k, 0);
  return { all: dense + routed * experts * expert, active: dense + activeExperts * expert };
}

/** Projections, their biases, the norms of q and k, and sinks. */
function attentionParameters({ hidden, heads, kvHeads, headDim, qkNorm, attention = {} }: ModelConfig) {
  const queries = heads * headDim;
  const keys = kvHeads * headDim;
  const norms = { none: 0, head: 2 * headDim, projection: queries + keys }[qkNorm];
  const biases = (attention.inputBias ? queries + 2 * keys : 0) + (attention.outputBias ? hidden : 0);
  return 2 * hidden * (queries + keys) + norms + biases + (attention.sinks ? heads : 0);
}

/** The router and the shared expert of a layer. */
function besideExperts({ hidden, experts, routing, routerBias, sharedExpert }: ModelConfig): number {
  const biases = (routing.selectionBias ? experts : 0) + (routerBias ? experts : 0);
  if (sharedExpert === undefined) return experts * hidden + biases;
  const { inner, gated } = sharedExpert;
  return experts * hidden + biases + 3 * hidden * inner + (gated ? hidden : 0);
}
