// Canonical tensor names to those of each Hugging Face layout. The one place that knows them.
import type { ModelConfig } from '../config/config.ts';

/** Canonical names are Qwen3-MoE's; OLMoE's are the same. */
const MIXTRAL: readonly (readonly [canonical: string, source: string])[] = [
  ['.mlp.', '.block_sparse_moe.'],
  ['.gate_proj.', '.w1.'],
  ['.up_proj.', '.w3.'],
  ['.down_proj.', '.w2.'],
];

/** A tensor's name in a checkpoint of this layout. */
export function sourceName(layout: ModelConfig['layout'], canonical: string): string {
  if (layout !== 'mixtral') return canonical;
  return MIXTRAL.reduce((name, [from, to]) => name.replace(from, to), canonical);
}

/** The head where it is tied: the embedding stands for it, whether the file has it or not. */
export const TIED_HEAD = 'lm_head.weight';

/** Tensors that the model can do without. */
export function isSpare(name: string, { tiedEmbeddings }: Pick<ModelConfig, 'tiedEmbeddings'>): boolean {
  return isHarmless(name) || (tiedEmbeddings && name === TIED_HEAD);
}

/** A tensor that holds one projection of all experts of a layer. */
export function isStackedExperts(name: string): boolean {
  return /\.experts\.(?!\d+\.)/.test(name);
}

/** Tensors that checkpoints carry and no engine needs: rotary frequencies follow from the config. */
export function isHarmless(name: string): boolean {
  return name.endsWith('.rotary_emb.inv_freq');
}
