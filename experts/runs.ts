// Runs of consecutive experts: the form of holdings in texts and messages. Pure.

/** Experts `first` to `last` of one layer, both included. */
export type HoldingRange = readonly [layer: number, first: number, last: number];

/** Ascending numbers as runs of consecutive ones: `[0,1,2,5] → [[0,2],[5,5]]`. */
export function toRuns(ascending: Iterable<number>): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const value of ascending) {
    const run = runs.at(-1);
    if (run !== undefined && value === run[1] + 1) run[1] = value;
    else runs.push([value, value]);
  }
  return runs;
}

/** Ascending numbers as text: `0-23,40`. */
export function formatRuns(ascending: Iterable<number>): string {
  return toRuns(ascending)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(',');
}

/** Ranges of ascending unit numbers. The number of a unit is `layer * experts + expert`. */
export function toRanges(units: readonly number[], experts: number): HoldingRange[] {
  const layers = Map.groupBy(units, (unit) => Math.floor(unit / experts));
  return [...layers].flatMap(([layer, ofLayer]) =>
    toRuns(ofLayer.map((unit) => unit % experts)).map(([first, last]): HoldingRange => [layer, first, last]),
  );
}

/** Ranges as text for users. Layers with the same experts are joined: `layers 0-5: experts 24-47; layer 7: experts 3`. */
export function formatUnits(ranges: readonly HoldingRange[]): string {
  const byLayer = new Map<number, Set<number>>();
  for (const [layer, first, last] of ranges) {
    const experts = byLayer.get(layer) ?? new Set();
    for (let expert = first; expert <= last; expert++) experts.add(expert);
    byLayer.set(layer, experts);
  }
  const ascending = (values: Iterable<number>) => [...values].sort((a, b) => a - b);
  const layersOf = Map.groupBy(ascending(byLayer.keys()), (layer) =>
    formatRuns(ascending(byLayer.get(layer) ?? [])),
  );
  return [...layersOf]
    .map(
      ([experts, layers]) => `layer${layers.length > 1 ? 's' : ''} ${formatRuns(layers)}: experts ${experts}`,
    )
    .join('; ');
}
