// Maps canonical tensor names (model/bundle/names.ts) to the names in each Hugging Face layout.
import { modelNames } from '../bundle/names.ts';
import type { ModelConfig } from '../config/config.ts';

/** Parts of canonical names, and their replacements in each layout. */
const renamed: Readonly<
  Record<ModelConfig['layout'], readonly (readonly [canonical: string, source: string])[]>
> = {
  qwen3_moe: [],
  olmoe: [],
  mixtral: [
    ['.mlp.', '.block_sparse_moe.'],
    ['.gate_proj.', '.w1.'],
    ['.up_proj.', '.w3.'],
    ['.down_proj.', '.w2.'],
  ],
};

/** A tensor's name in a checkpoint of this layout. */
export function sourceName(layout: ModelConfig['layout'], canonical: string): string {
  return renamed[layout].reduce((name, [from, to]) => name.replace(from, to), canonical);
}

/** Whether the model does not need the tensor: rotary frequencies, or a tied head, which the embedding replaces. */
export function isSpare(name: string, { tiedEmbeddings }: Pick<ModelConfig, 'tiedEmbeddings'>): boolean {
  return isHarmless(name) || (tiedEmbeddings && name === modelNames.head);
}

/** Whether the tensor contains one projection of all experts of a layer. */
export function isStackedExperts(name: string): boolean {
  return /\.experts\.(?!\d+\.)/.test(name);
}

/** Whether the tensor contains rotary frequencies. They are in some checkpoints, but also follow from the config. */
export function isHarmless(name: string): boolean {
  return name.endsWith('.rotary_emb.inv_freq');
}
