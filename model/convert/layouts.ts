// Canonical tensor names to those of each Hugging Face layout. The one place that knows them.
import type { ModelConfig } from '../config.ts';

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

/** Tensors that checkpoints carry and no engine needs: rotary frequencies follow from the config. */
export function isHarmless(name: string): boolean {
  return name.endsWith('.rotary_emb.inv_freq');
}
