// The routing rule of each layer with experts, from the checkpoint's config and selection bias.
import type { Bundle } from '../../../model/bundle/bundle.ts';
import { layerNames } from '../../../model/bundle/names.ts';
import { expertLayers } from '../../../model/config/model-config.ts';
import type { RoutingRule } from '../../../router/selection.ts';

export async function routingRules({ config, readVector }: Bundle): Promise<RoutingRule[]> {
  const { selectionBias, ...rule } = config.routing;
  const layers = expertLayers(config);
  const ruleOf = async (k: number, hop: number): Promise<RoutingRule> => {
    const name = layerNames(layers[hop] ?? hop).selectionBias;
    return { ...rule, k, ...(selectionBias && { bias: await readVector(name) }) };
  };
  return Promise.all(config.expertsPerToken.map(ruleOf));
}
