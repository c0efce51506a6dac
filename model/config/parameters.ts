// Counts a model's parameters by its shape. Pure.
import type { ModelConfig } from './config.ts';

/** `active` counts the parameters that one token uses: the dense part, and the experts of one token. */
export function countParameters(config: ModelConfig): { all: number; active: number } {
  const { hidden, layers, heads, kvHeads, headDim, experts, expertsPerToken, inner, vocab } = config;
  const attention = 2 * hidden * heads * headDim + 2 * hidden * kvHeads * headDim;
  const router = experts * hidden + (config.routing.selectionBias ? experts : 0);
  const qkNorms = { none: 0, head: 2 * headDim, projection: (heads + kvHeads) * headDim }[config.qkNorm];
  const embeddings = (config.tiedEmbeddings ? 1 : 2) * vocab * hidden;
  const dense = embeddings + hidden + layers * (attention + router + qkNorms + 2 * hidden);
  const expert = 3 * hidden * inner;
  const activeExperts = expertsPerToken.reduce((sum, k) => sum + k, 0);
  return { all: dense + layers * experts * expert, active: dense + activeExperts * expert };
}
