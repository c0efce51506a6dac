// The routing rule of each layer, from the checkpoint's config and selection bias.
import type { Bundle } from '../../../model/bundle/bundle.ts';
import { layerNames } from '../../../model/bundle/names.ts';
import type { RoutingRule } from '../../../router/selection.ts';

export async function routingRules({ config, readVector }: Bundle): Promise<RoutingRule[]> {
  const { score, renormalise, scale, selectionBias } = config.routing;
  const rules: RoutingRule[] = [];
  for (const [layer, k] of config.expertsPerToken.entries()) {
    const bias = selectionBias && {
      bias: await readVector(layerNames(layer).selectionBias),
    };
    rules.push({ score, renormalise, scale, k, ...bias });
  }
  return rules;
}
