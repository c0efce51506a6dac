// Formats the experts that a shard holds as the flag --experts takes them. Pure.
import { formatRuns, type HoldingRange } from '../experts/runs.ts';

/** `0-23` if every layer holds the same, else layers and their experts: `0-3:0-11,5:7`. Empty if nothing is held. */
export function heldText(ranges: readonly HoldingRange[], { layers }: { layers: number }): string {
  const experts = Array.from({ length: layers }, (): number[] => []);
  for (const [layer, first, last] of ranges) {
    for (let expert = first; expert <= last; expert++) experts[layer]?.push(expert);
  }
  const texts = experts.map((ofLayer) => formatRuns([...new Set(ofLayer)].sort((a, b) => a - b)));
  const [first = ''] = texts;
  if (texts.every((text) => text === first)) return first;
  const items: string[] = [];
  for (let from = 0; from < layers; ) {
    const text = texts[from] ?? '';
    let to = from;
    while (texts[to + 1] === text) to++;
    const name = from === to ? `${from}` : `${from}-${to}`;
    if (text !== '') items.push(...text.split(',').map((run) => `${name}:${run}`));
    from = to + 1;
  }
  return items.join(',');
}
