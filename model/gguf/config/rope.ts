// Rotary position settings: from a GGUF model's keys and its tensor rope_freqs.weight to the fields of a config.json.
import { llama3 } from '../../config/rope.ts';
import { tensorError } from '../../errors.ts';
import type { GgufModel } from '../read.ts';
import { readGgufTensor } from '../read-tensor.ts';
import type { ConfigJson, ConfigSource } from './source.ts';

const DEFAULT_BASE = 10_000; // llama.cpp's, if rope.freq_base is absent

/** `rope_theta`, and `rope_scaling` if positions are scaled. */
export async function ropeFields(model: GgufModel, source: ConfigSource): Promise<ConfigJson> {
  const { keys } = source;
  const base = keys.number('rope.freq_base', DEFAULT_BASE);
  const scaling = scalingOf(source);
  const factors = model.tensors.get('rope_freqs.weight');
  if (factors === undefined)
    return { rope_theta: base, ...(scaling !== undefined && { rope_scaling: scaling }) };
  if (scaling !== undefined)
    keys.refuse('rope.scaling.type', 'is given, and so is the tensor rope_freqs.weight');
  const stretched = llama3Scaling(await readGgufTensor(factors), base, source.headDim);
  if (stretched !== undefined) return { rope_theta: base, rope_scaling: stretched };
  const problem = 'has factors that are not those of Llama 3 with any published setting';
  throw tensorError(factors.path, factors.name, problem);
}

function scalingOf({ keys }: ConfigSource): ConfigJson | undefined {
  const factor = keys.number('rope.scaling.factor', keys.number('rope.scale_linear', 1)) || 1;
  const original = keys.count('rope.scaling.original_context_length', 0);
  const type = keys.text('rope.scaling.type', 'linear');
  keys.raw('rope.scaling.finetuned'); // only tells whether the model was trained with the scaling
  if (keys.number('rope.scaling.attn_factor', 1) !== 1)
    keys.refuse('rope.scaling.attn_factor', 'other than 1 is not supported');
  if (type === 'none') return undefined;
  if (type === 'linear') return factor === 1 ? undefined : { rope_type: type, factor };
  if (type !== 'yarn')
    keys.refuse('rope.scaling.type', `"${type}" is not supported (none, linear and yarn are)`);
  if (keys.number('rope.scaling.yarn_ext_factor', 1) !== 1) {
    keys.refuse('rope.scaling.yarn_ext_factor', 'other than 1 is not supported');
  }
  return {
    rope_type: type,
    factor,
    ...(original > 0 && { original_max_position_embeddings: original }),
    beta_fast: keys.number('rope.scaling.yarn_beta_fast', 32),
    beta_slow: keys.number('rope.scaling.yarn_beta_slow', 1),
    ...(keys.has('rope.scaling.yarn_attn_factor') && {
      attention_factor: keys.number('rope.scaling.yarn_attn_factor'),
    }),
  };
}

interface Llama3Scaling {
  rope_type: 'llama3';
  factor: number;
  low_freq_factor: number;
  high_freq_factor: number;
  original_max_position_embeddings: number;
}

/** The published settings of Llama 3.1 to 4, apart from `factor`, which is the largest of the factors. */
const published = [
  { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 },
  { low_freq_factor: 1, high_freq_factor: 1, original_max_position_embeddings: 8192 },
];

/**
 * The setting of which the factors are. llama.cpp's converter stores only the divisor of each frequency, so that the setting has
 * to be found again. Undefined if none of the published ones gives these factors.
 */
function llama3Scaling(factors: Float32Array, base: number, headDim: number): Llama3Scaling | undefined {
  const factor = factors.reduce((a, b) => Math.max(a, b), 1);
  return published
    .map((setting): Llama3Scaling => ({ rope_type: 'llama3', factor, ...setting }))
    .find((setting) => {
      const expected = llama3Factors(setting, base, headDim);
      const isClose = (value: number, i: number) => Math.abs(value - (expected[i] ?? 0)) <= 1e-4 * value;
      return factors.length === expected.length && factors.every(isClose);
    });
}

/** The divisor of each frequency. */
export function llama3Factors(setting: Llama3Scaling, base: number, headDim: number): number[] {
  const scaling = {
    factor: setting.factor,
    lowFreqFactor: setting.low_freq_factor,
    highFreqFactor: setting.high_freq_factor,
    originalContext: setting.original_max_position_embeddings,
  };
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = base ** ((-2 * i) / headDim);
    return frequency / llama3(frequency, scaling);
  });
}

/** Refuses a rotation of only part of a head, for architectures whose config.json cannot express one. */
export function requireWholeRotation({ keys, headDim }: ConfigSource): void {
  const rotated = keys.count('rope.dimension_count', headDim);
  if (rotated !== headDim) {
    keys.refuse(
      'rope.dimension_count',
      `rotates ${rotated} of the ${headDim} values of a head, which is not supported`,
    );
  }
}
