// The routing rule of each layer, from the checkpoint's config and selection bias.
import type { Bundle } from '../../../model/bundle/bundle.ts';
import { layerNames } from '../../../model/bundle/names.ts';
import type { RoutingRule } from '../../../router/selection.ts';

export async function routingRules({ config, readVector }: Bundle): Promise<RoutingRule[]> {
  const { score, renormalise, scale, selectionBias } = config.routing;
  const ruleOf = async (k: number, layer: number): Promise<RoutingRule> => {
    const bias = selectionBias && { bias: await readVector(layerNames(layer).selectionBias) };
    return { score, renormalise, scale, k, ...bias };
  };
  return Promise.all(config.expertsPerToken.map(ruleOf));
}
