// The units that a shard holds: as text in flags and placements, as a set, and as ranges in messages.
import type { Unit } from '../model/devices/expert.ts';
import { formatRuns, type HoldingRange, toRuns } from './runs.ts';

export interface HoldingShape {
  layers: number;
  /** Number of experts in each layer. */
  experts: number;
}

/**
 * Parses a comma-separated list. The items `0-23` and `40` name experts of every layer; `3:17` and `5:0-11` name experts of one
 * layer; `0-3:0-11` names experts of several layers. Returns each unit once, sorted by layer, then expert. Throws an error that
 * quotes the first wrong item.
 */
export function parseHoldings(text: string, shape: HoldingShape): Unit[] {
  const holdings = new Holdings(shape);
  for (const item of text.split(',')) {
    const match = /^\s*(?:(\d+)(?:-(\d+))?:)?(\d+)(?:-(\d+))?\s*$/.exec(item);
    if (match === null) {
      throw new Error(`experts: ${JSON.stringify(item)} is not written as 0-23, 40, 3:17 or 5:0-11`);
    }
    const [, firstLayer = '0', lastLayer = match[1] ?? `${shape.layers - 1}`, first = '', last = first] =
      match;
    const layers = span(item, 'layer', firstLayer, lastLayer, shape.layers);
    const experts = span(item, 'expert', first, last, shape.experts);
    for (let layer = layers[0]; layer <= layers[1]; layer++) holdings.add([layer, ...experts]);
  }
  return holdings.units();
}

/** The text that `parseHoldings` reads back, such as `0-23` if every layer has the same experts. Empty for no units. */
export function formatHoldings(units: readonly Unit[], shape: HoldingShape): string {
  const ranges = Holdings.of(units, shape).layers();
  const [first = ''] = ranges;
  if (ranges.every((experts) => experts === first)) return first;
  const items: string[] = [];
  ranges.forEach((experts, layer) => {
    if (experts !== '') for (const run of experts.split(',')) items.push(`${layer}:${run}`);
  });
  return items.join(',');
}

/** A set of units with lookup in constant time. */
export class Holdings {
  readonly shape: HoldingShape;
  /** `[layers, experts]`: 1 for a unit that is held, otherwise 0. */
  readonly #held: Uint8Array;

  constructor(shape: HoldingShape) {
    this.shape = shape;
    this.#held = new Uint8Array(shape.layers * shape.experts);
  }

  static of(units: readonly Unit[], shape: HoldingShape): Holdings {
    const holdings = new Holdings(shape);
    for (const { layer, expert } of units) holdings.add([layer, expert, expert]);
    return holdings;
  }

  add([layer, first, last]: HoldingRange): void {
    const { layers, experts } = this.shape;
    if (layer < 0 || layer >= layers || first < 0 || last >= experts) {
      throw new RangeError(
        `experts ${first}-${last} of layer ${layer} are outside ${layers} layers of ${experts} experts`,
      );
    }
    this.#held.fill(1, layer * experts + first, layer * experts + last + 1);
  }

  delete({ layer, expert }: Unit): void {
    if (this.has(layer, expert)) this.#held[layer * this.shape.experts + expert] = 0;
  }

  has(layer: number, expert: number): boolean {
    return this.#held[layer * this.shape.experts + expert] === 1;
  }

  get size(): number {
    return this.#held.reduce((sum, held) => sum + held, 0);
  }

  /** Sorted by layer, then expert. */
  units(): Unit[] {
    const units: Unit[] = [];
    this.#held.forEach((held, i) => {
      const expert = i % this.shape.experts;
      if (held === 1) units.push({ layer: (i - expert) / this.shape.experts, expert });
    });
    return units;
  }

  /** The units that `other` does not have, sorted by layer, then expert. */
  without(other: Holdings): Unit[] {
    return this.units().filter(({ layer, expert }) => !other.has(layer, expert));
  }

  ranges(): HoldingRange[] {
    return Array.from({ length: this.shape.layers }, (_, layer) =>
      toRuns(this.#expertsOf(layer)).map(([first, last]): HoldingRange => [layer, first, last]),
    ).flat();
  }

  /** The experts of each layer as text, such as `0-23,40`; empty for a layer without experts. */
  layers(): string[] {
    return Array.from({ length: this.shape.layers }, (_, layer) => formatRuns(this.#expertsOf(layer)));
  }

  #expertsOf(layer: number): number[] {
    return Array.from({ length: this.shape.experts }, (_, expert) => expert).filter((expert) =>
      this.has(layer, expert),
    );
  }
}

function span(item: string, what: string, first: string, last: string, count: number): [number, number] {
  const [from, to] = [Number(first), Number(last)];
  if (to >= count)
    throw new Error(`experts: ${JSON.stringify(item)} names ${what} ${to}; the last is ${count - 1}`);
  if (from > to) throw new Error(`experts: ${JSON.stringify(item)} runs backwards; write ${to}-${from}`);
  return [from, to];
}
