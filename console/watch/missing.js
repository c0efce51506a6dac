// Says in words which experts no shard serves.

/** @typedef {{ model?: string, layer: number, experts: string }} Missing the missing experts of one layer; model: set if there are several models */

const SHOWN_LAYERS = 6;

/**
 * Counts the layers of each model separately.
 * @type {(missing: readonly Missing[]) => { headline: string, items: string[] }}
 */
export function missingText(missing) {
  /** @type {Map<string | undefined, Set<number>>} */
  const layers = new Map();
  for (const { model, layer } of missing) layers.set(model, (layers.get(model) ?? new Set()).add(layer));
  const parts = [...layers].map(([model, { size }]) => {
    const counted = `${size} ${size === 1 ? 'layer' : 'layers'}`;
    return model === undefined ? counted : `${counted} of ${model}`;
  });
  const [only] = [...layers.values()];
  const verb = layers.size === 1 && only?.size === 1 ? 'has' : 'have';
  const items = missing.slice(0, SHOWN_LAYERS).map(({ model, layer, experts }) => {
    return `${model === undefined ? '' : `${model}, `}layer ${layer}: ${experts}`;
  });
  const more = missing.length - items.length;
  if (more > 0) items.push(`and ${more} more ${more === 1 ? 'layer' : 'layers'}`);
  return { headline: `${parts.join(' and ')} ${verb} experts that no shard serves`, items };
}
