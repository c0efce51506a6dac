// Chooses the version of a model for a request that names an alias. An alias is a name for several versions of a model.
import { createHash } from 'node:crypto';

/** Relative share of the requests that each version gets, by the version's model id. At least one share is above 0. */
export type Weights = ReadonlyMap<string, number>;

/** Weights by alias. */
export type Aliases = ReadonlyMap<string, Weights>;

/**
 * The version for `key`. A key gets the same version as long as the weights do not change, and each version gets its share of many
 * keys. If a weight is raised, keys move only to that version. If a weight is lowered, keys move only away from that version. This
 * is weighted rendezvous hashing: each version gets a random score for the key, and the highest score wins.
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

/** A number in (0, 1) that is a hash of the arguments. */
function uniform(...parts: readonly string[]): number {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
