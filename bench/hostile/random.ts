// Draws items and whole numbers from a source of random numbers.

/** A number from 0 to below 1. */
export type Random = () => number;

export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[below(random, items.length)]!;
}

/** A whole number from 0 to below `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** A whole number from `least` to `most`. Every order of magnitude is equally likely. */
export function between(random: Random, least: number, most: number): number {
  if (least === 0) return between(random, 1, most + 1) - 1;
  return Math.round(least * (most / least) ** random());
}
