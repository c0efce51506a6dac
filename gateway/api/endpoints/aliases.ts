// Aliases: names for several versions of a model, and which version a request gets.
import { createHash } from 'node:crypto';

/** Relative share of the requests for the id of each served model. At least one is above 0. */
export type Weights = ReadonlyMap<string, number>;

/** Weights by alias. */
export type Aliases = ReadonlyMap<string, Weights>;

/**
 * The version for `key`. It stays the same while the weights do, and each version gets its share of many keys. Raising a weight
 * moves keys only to that version, and lowering it moves keys only away from it. This is weighted rendezvous hashing: each version
 * draws a score of its own for the key, and the highest score wins.
 */
export function drawVersion(alias: string, weights: Weights, key: string): string {
  let best: { version: string; score: number } | undefined;
  for (const [version, weight] of weights) {
    if (weight <= 0) continue;
    const score = -weight / Math.log(uniform(alias, version, key));
    if (best === undefined || score > best.score) best = { version, score };
  }
  if (best === undefined) throw new Error(`the alias ${alias} has no version with a weight above 0`);
  return best.version;
}

/** A number in (0, 1), evenly spread and independent for different arguments. */
function uniform(...parts: readonly string[]): number {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
