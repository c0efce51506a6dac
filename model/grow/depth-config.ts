// The configuration of a model that has grown in depth. Pure.
import { configLayouts } from '../config/layouts/layouts.ts';
import { expertLayers, type LayoutName, type ModelConfig } from '../config/model-config.ts';
import type { Json } from './growth.ts';

/** The model whose layer i is the source's layer `order[i]`. */
export function deepened(config: ModelConfig, order: readonly number[]): ModelConfig {
  const { denseMlp, attention } = config;
  const copied = <T>(list: readonly T[]): T[] => order.map((layer) => list[layer]!);
  const routed = expertLayers(config);
  return {
    ...config,
    layers: order.length,
    expertsPerToken: order
      .filter((layer) => routed.includes(layer))
      .map((layer) => config.expertsPerToken[routed.indexOf(layer)]!),
    ...(denseMlp !== undefined && {
      denseMlp: {
        ...denseMlp,
        layers: order.flatMap((layer, place) => (denseMlp.layers.includes(layer) ? [place] : [])),
      },
    }),
    ...(attention !== undefined && {
      attention: {
        ...attention,
        ...(attention.windows !== undefined && { windows: copied(attention.windows) }),
        ...(attention.chunks !== undefined && { chunks: copied(attention.chunks) }),
        ...(attention.unrotated !== undefined && { unrotated: copied(attention.unrotated) }),
      },
    }),
  };
}

/** Fields that may have one entry for each layer. */
const LAYER_LISTS = [
  ...['layer_types', 'no_rope_layers', 'num_shared_expert', 'moe_intermediate_size'],
  ...['num_experts_per_tok', 'experts_per_token', 'moe_topk', 'moe_k'],
] as const;

/** The fields that say which layers have no experts, by layout. */
const denseFields: Partial<Record<LayoutName, (grown: ModelConfig) => Json>> = {
  sigma: firstDense,
  glm4_moe: firstDense,
  dots1: firstDense,
  bailing_moe_v2: firstDense,
  qwen2_moe: listedDense,
  qwen3_moe: listedDense,
  ernie4_5_moe: (grown) => {
    const routed = expertLayers(grown);
    return {
      moe_layer_start_index: routed[0],
      moe_layer_end_index: routed.at(-1),
      moe_layer_interval: 1,
    };
  },
  llama4_text: (grown) => ({
    moe_layers: expertLayers(grown),
    no_rope_layers: Array.from(
      { length: grown.layers },
      (_, layer) => 1 - (grown.attention?.unrotated?.[layer] ?? 0),
    ),
  }),
};

function firstDense({ denseMlp }: ModelConfig): Json {
  return denseMlp === undefined ? {} : { first_k_dense_replace: denseMlp.layers.length };
}

function listedDense({ denseMlp }: ModelConfig): Json {
  return denseMlp === undefined ? {} : { mlp_only_layers: denseMlp.layers, decoder_sparse_step: 1 };
}

/** The config.json of `grown`, which `deepened` made. What layouts derive from a layer's number becomes a list. */
export function deepenedJson(
  json: Json,
  source: ModelConfig,
  grown: ModelConfig,
  order: readonly number[],
): Json {
  const lists = LAYER_LISTS.flatMap((name): [string, unknown][] => {
    const list: unknown = json[name];
    if (!Array.isArray(list)) return [];
    // A list of k may have entries for layers with experts only.
    const isWhole = list.length === source.layers;
    return [[name, isWhole ? order.map((layer) => list[layer]) : grown.expertsPerToken]];
  });
  return {
    ...json,
    num_hidden_layers: order.length,
    ...layerTypes(json, grown),
    ...denseFields[grown.layout]?.(grown),
    ...Object.fromEntries(lists),
  };
}

/** Types of all layers, if the layout has windows or chunks. Without the field, the layer's number may decide. */
function layerTypes(json: Json, { layout, layers, attention = {} }: ModelConfig): Json {
  const { windows, chunks } = attention;
  const hasTypes = configLayouts[layout].computes?.includes('layer_types') ?? false;
  const isNeeded = windows !== undefined || chunks !== undefined || (json.sliding_window ?? null) !== null;
  if (!hasTypes || !isNeeded) return {};
  const typeOf = (layer: number): string => {
    if ((windows?.[layer] ?? 0) > 0) return 'sliding_attention';
    return (chunks?.[layer] ?? 0) > 0 ? 'chunked_attention' : 'full_attention';
  };
  return { layer_types: Array.from({ length: layers }, (_, layer) => typeOf(layer)) };
}
