// How each Hugging Face layout names its tensors, by the canonical names (model/bundle/names.ts).
import { modelNames } from '../bundle/names.ts';
import type { ModelConfig } from '../config/config.ts';

/** Parts of canonical names, and what each layout writes instead. */
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

/** Tensors that the model can do without. A tied head is one: the embedding takes its place. */
export function isSpare(name: string, { tiedEmbeddings }: Pick<ModelConfig, 'tiedEmbeddings'>): boolean {
  return isHarmless(name) || (tiedEmbeddings && name === modelNames.head);
}

/** A tensor that holds one projection of all experts of a layer. */
export function isStackedExperts(name: string): boolean {
  return /\.experts\.(?!\d+\.)/.test(name);
}

/** Tensors that checkpoints hold but no engine needs: rotary frequencies follow from the config. */
export function isHarmless(name: string): boolean {
  return name.endsWith('.rotary_emb.inv_freq');
}
