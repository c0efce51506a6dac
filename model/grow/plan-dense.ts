// Plans the tensors of a dense model that becomes a mixture: each expert is the layer's MLP, and routers are random. Pure.
import { isRouter, modelNames } from '../bundle/names.ts';
import type { CanonicalTensor } from '../bundle/tensors.ts';
import type { ModelConfig } from '../config/model-config.ts';
import { modelTensors } from '../convert/convert.ts';
import { streamKey } from '../convert/random.ts';
import { plainTensor, type SourceTensor } from '../convert/storage/logical.ts';
import { sourceNames } from '../convert/views.ts';
import { tensorError } from '../errors.ts';
import { tensorBytes } from '../safetensors.ts';
import type { GrownTensor, Part } from './growth.ts';

/** The dense model. Its tensors have the canonical names. */
export interface DenseSource {
  /** The file that lists the tensors. */
  list: string;
  tensors: ReadonlyMap<string, SourceTensor>;
}

export interface DensePlan {
  noise: number;
  seed: number;
  /** Standard deviation of the weights of routers. */
  routerDeviation: number;
}

/** `config` describes the mixture. Throws an InputError if a tensor is missing, has another shape or is not part of the model. */
export function planDense(source: DenseSource, config: ModelConfig, plan: DensePlan): GrownTensor[] {
  const used = new Set<string>();
  const find = (name: string, shape: readonly number[]): SourceTensor => {
    used.add(name);
    const found = source.tensors.get(name);
    if (found === undefined)
      throw tensorError(source.list, name, 'is missing, though config.json describes it');
    if (String(found.shape) === String(shape)) return found;
    throw tensorError(found.path, name, `has shape [${found.shape}]; config.json describes [${shape}]`);
  };
  const grown = [...modelTensors(config)].map((tensor) => growTensor(tensor, config, plan, find));
  for (const { path, name } of source.tensors.values()) {
    const isTied = config.tiedEmbeddings && name === modelNames.head;
    if (!used.has(name) && !isTied && !isSpare(name))
      throw tensorError(path, name, 'is not part of the dense model that config.json describes');
  }
  return grown;
}

/** Rotary frequencies, which follow from the config. */
function isSpare(name: string): boolean {
  return name.endsWith('.rotary_emb.inv_freq');
}

type Find = (name: string, shape: readonly number[]) => SourceTensor;

function growTensor(
  { name: canonical, shape }: CanonicalTensor,
  config: ModelConfig,
  plan: DensePlan,
  find: Find,
): GrownTensor {
  const [name] = sourceNames(config, canonical);
  const key = streamKey(plan.seed, name);
  if (isRouter(canonical)) {
    // A router has the type of the layer's other tensors.
    const { dtype } = plainTensor(
      find(canonical.replace('.mlp.gate.', '.post_attention_layernorm.'), [config.hidden]),
    );
    const bytes = tensorBytes({ dtype, shape });
    return { name, dtype, shape, parts: [{ kind: 'random', bytes, deviation: plan.routerDeviation, key }] };
  }
  const expert = /\.experts\.(\d+)/.exec(canonical);
  const from = find(canonical.replace(/\.experts\.\d+/, ''), shape);
  const isOriginal = expert === null || expert[1] === '0' || plan.noise === 0;
  const part: Part = isOriginal ? { kind: 'copied', from } : { kind: 'noisy', from, noise: plan.noise, key };
  return { name, dtype: plainTensor(from).dtype, shape, parts: [part] };
}
