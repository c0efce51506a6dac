// The text part of Llama 4. Source: configuration_llama4.py and modeling_llama4.py in huggingface/transformers.
import { type Fields, show } from '../config-fields.ts';
import type { AttentionConfig, ModelConfig } from '../model-config.ts';
import { attentionOf, biasesIf, denseWhere, layerList, layerTypes } from './fields.ts';
import type { ConfigLayout } from './layout.ts';

export const llama4Text: ConfigLayout = {
  title: 'Llama 4',
  plain: {
    ...{ kvHeads: 8, headDim: 128, context: 131_072, normEps: 1e-5, ropeBase: 500_000, qkNorm: 'none' },
    ...{ experts: ['num_local_experts'], inner: 'intermediate_size' },
  },
  computes: ['attention_bias', 'layer_types', 'moe_layers', 'no_rope_layers'],
  denseLayers(fields, layers) {
    const named = layerList(fields, 'moe_layers', layers);
    const step = fields.count('interleave_moe_layer_step', 1);
    return denseWhere(fields, layers, {
      isDense: (layer) => (named === undefined ? (layer + 1) % step !== 0 : !named.includes(layer)),
      decidedBy: named === undefined ? 'interleave_moe_layer_step' : 'moe_layers',
      inner: 'intermediate_size_mlp',
    });
  },
  // The sigmoid of the chosen expert's score multiplies the expert's input.
  routing: () => ({
    score: 'sigmoid',
    renormalise: false,
    selectionBias: false,
    scale: 1,
    weighsInput: true,
  }),
  vary(fields, plain) {
    if (plain.expertsPerToken.some((k) => k > 1))
      fields.refuse(
        'num_experts_per_tok',
        'above 1 is not supported: weights multiply the input of one expert',
      );
    const unrotated = unrotatedLayers(fields, plain.layers);
    return {
      sharedExpert: { inner: plain.inner, gated: false },
      ...attentionOf({
        ...biasesIf(fields.flag('attention_bias', false), true),
        ...(fields.flag('use_qk_norm', true) && { unitNorm: true }),
        ...chunksOf(fields, plain, unrotated),
        ...(unrotated.includes(1) && { unrotated, ...temperatureOf(fields) }),
      }),
    };
  },
};

/** `[layers]`, 1 for layers without rotary positions. In `no_rope_layers`, these layers have a 0. */
function unrotatedLayers(fields: Fields, layers: number): number[] {
  const given = fields.raw('no_rope_layers');
  if (given === undefined || (Array.isArray(given) && given.length === 0)) {
    const interval = fields.count('no_rope_layer_interval', 4);
    return Array.from({ length: layers }, (_, layer) => ((layer + 1) % interval === 0 ? 1 : 0));
  }
  const isSound =
    Array.isArray(given) && given.length === layers && given.every((each) => each === 0 || each === 1);
  if (!isSound) fields.refuse('no_rope_layers', `${show(given)} is not a list of ${layers} entries 0 or 1`);
  return (given as number[]).map((rotates) => 1 - rotates);
}

function chunksOf(
  fields: Fields,
  { layers, context }: ModelConfig,
  unrotated: readonly number[],
): Pick<AttentionConfig, 'chunks'> {
  const types = layerTypes(fields, layers, ['full_attention', 'chunked_attention']);
  // Without chunks, the field is null.
  const length = fields.isNull('attention_chunk_size') ? context : fields.count('attention_chunk_size', 8192);
  const isChunked = (layer: number) =>
    types === undefined ? unrotated[layer] === 0 : types[layer] === 'chunked_attention';
  const chunks = Array.from({ length: layers }, (_, layer) => (isChunked(layer) ? length : 0));
  return length >= context || chunks.every((each) => each === 0) ? {} : { chunks };
}

function temperatureOf(fields: Fields): Pick<AttentionConfig, 'temperature'> {
  // Scout and Maverick are published with the number 4, which the class takes for true.
  const given = fields.raw('attn_temperature_tuning');
  const isTuned = typeof given === 'number' ? given !== 0 : fields.flag('attn_temperature_tuning', true);
  if (!isTuned) return {};
  return {
    temperature: { floor: fields.positive('floor_scale', 8192), scale: fields.positive('attn_scale', 0.1) },
  };
}
