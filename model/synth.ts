// Makes bundles of random weights in any shape, for load and speed tests. Such a model generates no meaningful text.
import { dirname, resolve } from 'node:path';
import { canonicalJson, hashLines } from './bundle/hash.ts';
import { isBias, isRouter, modelNames } from './bundle/names.ts';
import type { Bits, CanonicalTensor } from './bundle/tensors.ts';
import { type ModelConfig, parseConfig } from './config/config.ts';
import { parseJson, readCopies } from './convert/checkpoint.ts';
import { planBundle, type TensorSource } from './convert/plan.ts';
import { streamKey } from './convert/random.ts';
import { type WriteOptions, type WrittenBundle, writeBundle } from './convert/write-bundle.ts';
import { InputError } from './errors.ts';
import { sigmaMoeTinyFiles } from './synth/sigma-moe-tiny.ts';

interface SynthOptions extends WriteOptions {
  /** `sigma-moe-tiny`, or the path of a config.json. Tokenizer files beside it are copied. */
  shape: string;
  bits: Bits;
  /** A whole number. The same seed and shape give the same values at every precision. */
  seed: number;
}

/** Writes a bundle of random weights to `to`; resumes like `convert`. */
export async function synth({ shape, bits, seed, ...options }: SynthOptions): Promise<WrittenBundle> {
  const copies =
    shape === 'sigma-moe-tiny' ? sigmaMoeTinyFiles() : await readCopies(dirname(resolve(shape)), shape);
  const bytes = copies.get('config.json');
  if (bytes === undefined)
    throw new InputError(`${shape}: is missing: give sigma-moe-tiny or the path of a config.json`);
  const config = parseConfig(parseJson(bytes, shape), shape);
  const sourceOf = (tensor: CanonicalTensor): TensorSource => {
    const key = streamKey(seed, tensor.name);
    return {
      sourceName: tensor.name,
      source: { kind: 'random', key, ...distribution(tensor, config) },
      sourceBytes: 4 * tensor.shape.reduce((product, length) => product * length, 1),
      dtype: 'F32',
    };
  };
  const identity = hashLines(['expertgrid synth 1', `config ${canonicalJson(config)}`, `seed ${seed}`]);
  const plan = (dir: string) => planBundle({ config, bits, dir, sourceOf });
  return writeBundle({ plan, copies, stamps: [`seed ${seed}`], identity: () => identity }, options);
}

/** Distribution of a tensor's values. It keeps activations near 1, and router scores so far apart that all experts get rows. */
function distribution(
  { kind, name, shape }: CanonicalTensor,
  { hidden, tiedEmbeddings }: ModelConfig,
): { mean: number; deviation: number } {
  if (kind === 'matrix') {
    const wide = name === modelNames.embedding && !tiedEmbeddings;
    return { mean: 0, deviation: wide ? 1 : 1 / Math.sqrt(shape[1]) };
  }
  if (isRouter(name)) return { mean: 0, deviation: 1.5 / Math.sqrt(hidden) };
  if (isBias(name)) return { mean: 0, deviation: 0.01 };
  return { mean: 1, deviation: 0.1 };
}
