// Makes the config.json of a GGUF model, as the same model has it on Hugging Face. A key that no config.json can express, or that this
// file does not know, is refused by name, because the answers would otherwise be silently wrong.
import { tensorError } from '../../errors.ts';
import { type Metadata, readMetadata } from '../metadata.ts';
import type { GgufModel } from '../read.ts';
import { NO_TOKEN } from '../tokenizer/vocabulary.ts';
import { architectures } from './architectures.ts';
import { ropeFields } from './rope.ts';
import { type ConfigJson, type ConfigSource, configSource } from './source.ts';

/** The architectures of llama.cpp for which `ggufConfig` makes a config.json. */
export const ggufArchitectures: readonly string[] = Object.keys(architectures);

/** The architecture that the file names. Throws an InputError if it is not one of `ggufArchitectures`. */
export function architectureOf(model: Pick<GgufModel, 'metadata' | 'path'>): string {
  const keys = readMetadata(model);
  const name = keys.text('general.architecture');
  if (Object.hasOwn(architectures, name)) return name;
  return keys.refuse(
    'general.architecture',
    `"${name}" is not supported (${ggufArchitectures.join(', ')} are)`,
  );
}

/** Reads the keys, and the tensor rope_freqs.weight if there is one. */
export async function ggufConfig(model: GgufModel): Promise<ConfigJson> {
  const architecture = architectureOf(model);
  const whole = readMetadata(model);
  const source = configSource(model, whole, architecture);
  const own = architectures[architecture]?.(source, model) ?? {};
  const { ropeScaling, ...fields } = own;
  const rope = await ropeFields(model, source);
  // Without a type, config.json would mean the scaling that the class has by default.
  if (typeof ropeScaling === 'object')
    rope.rope_scaling = { rope_type: 'default', ...Object(rope.rope_scaling), ...ropeScaling };
  const config = { ...fields, ...commonFields(model, whole, source), ...rope };
  const [unknown] = whole.unread(`${architecture}.`);
  if (unknown !== undefined) whole.refuse(unknown, `is not known in the architecture ${architecture}`);
  return config;
}

function commonFields(
  model: GgufModel,
  whole: Metadata,
  { keys, layers, headDim }: ConfigSource,
): ConfigJson {
  const heads = keys.count('attention.head_count');
  if (!keys.flag('attention.causal', true))
    keys.refuse('attention.causal', 'is false, which is not supported');
  keys.raw('tensor_data_layout'); // the name of the converter's layout; the tensors' names imply it
  const embedding = model.tensors.get('token_embd.weight');
  if (embedding === undefined) throw tensorError(model.path, 'token_embd.weight', 'is missing');
  return {
    hidden_act: 'silu',
    hidden_size: keys.count('embedding_length'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keys.count('attention.head_count_kv', heads),
    head_dim: headDim,
    max_position_embeddings: keys.count('context_length'),
    rms_norm_eps: keys.number('attention.layer_norm_rms_epsilon'),
    vocab_size: keys.count('vocab_size', embedding.shape[0]),
    tie_word_embeddings: !model.tensors.has('output.weight'),
    ...tokenField(whole, 'bos_token_id'),
    ...tokenField(whole, 'eos_token_id'),
    torch_dtype: 'float32',
  };
}

function tokenField(whole: Metadata, name: string): ConfigJson {
  const key = `tokenizer.ggml.${name}`;
  const id = whole.count(key, NO_TOKEN);
  return id === NO_TOKEN ? {} : { [name]: id };
}
