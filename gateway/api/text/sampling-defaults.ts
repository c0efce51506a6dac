// Reads from generation_config.json how a model's tokens are drawn if the request does not say, as in vLLM and transformers. Pure.

/** Settings that a model may bring, by their names in requests and in transformers' GenerationConfig: least and greatest value. */
export const samplingRanges = {
  temperature: [0, 2],
  top_p: [0, 1],
  top_k: [-1, 2 ** 31 - 1],
  min_p: [0, 1],
  repetition_penalty: [0.01, 100],
} as const;

type Setting = keyof typeof samplingRanges;
export type SamplingDefaults = Partial<Record<Setting, number>>;

/** Settings that are counts. The others may be fractions. */
const whole: ReadonlySet<string> = new Set<Setting>(['top_k']);

/** Returns none if the file says that the model does not sample. Throws an error that names a field with a wrong value. */
export function samplingDefaults(generation: Record<string, unknown>): SamplingDefaults {
  if (generation.do_sample === false) return {};
  const found: SamplingDefaults = {};
  for (const [field, [least, most]] of Object.entries(samplingRanges)) {
    const value = generation[field] ?? undefined;
    if (value === undefined) continue;
    const isCount = whole.has(field);
    if (typeof value !== 'number' || value < least || value > most || (isCount && value % 1 !== 0)) {
      const kind = isCount ? 'an integer' : 'a number';
      throw new Error(
        `generation_config.json: ${field} is ${JSON.stringify(value)}, which is not ${kind} from ${least} to ${most}`,
      );
    }
    found[field as Setting] = value;
  }
  return found;
}
