// Reads from generation_config.json how a model's tokens are drawn if the request does not say, as in vLLM and transformers. Pure.

/** By their names in requests, which are also those of transformers' GenerationConfig. */
export interface SamplingDefaults {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  repetition_penalty?: number;
}

const ranges: Record<keyof SamplingDefaults, { least: number; most: number; whole?: boolean }> = {
  temperature: { least: 0, most: 2 },
  top_p: { least: 0, most: 1 },
  top_k: { least: -1, most: 0x7fff_ffff, whole: true },
  min_p: { least: 0, most: 1 },
  repetition_penalty: { least: 0.01, most: 100 },
};

/** Returns none if the file says that the model does not sample. Throws an error that names a field with a wrong value. */
export function samplingDefaults(generation: Record<string, unknown>): SamplingDefaults {
  if (generation.do_sample === false) return {};
  const found: SamplingDefaults = {};
  for (const [field, { least, most, whole = false }] of Object.entries(ranges)) {
    const value = generation[field] ?? undefined;
    if (value === undefined) continue;
    const isNumber = typeof value === 'number' && value >= least && value <= most;
    if (!isNumber || (whole && !Number.isInteger(value))) {
      const kind = whole ? 'an integer' : 'a number';
      throw new Error(
        `generation_config.json: ${field} is ${JSON.stringify(value)}, which is not ${kind} from ${least} to ${most}`,
      );
    }
    found[field as keyof SamplingDefaults] = value;
  }
  return found;
}
