// The order of layers of a model that grows in depth. Pure.

/**
 * The source's layer for each layer of the grown model: `[0, 1, 1, 2, 2, 3]` for 4 layers of which one at each end stays single.
 * Undefined if no layer would be copied.
 */
export function layerOrder(layers: number, keepEnds: number): number[] | undefined {
  if (2 * keepEnds >= layers) return undefined;
  return Array.from({ length: layers }, (_, layer) => {
    const isEnd = layer < keepEnds || layer >= layers - keepEnds;
    return isEnd ? [layer] : [layer, layer];
  }).flat();
}
