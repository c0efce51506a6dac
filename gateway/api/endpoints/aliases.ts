// Names that stand for versions of a model, and which version a request gets. Pure; knows no engine and no file.
import { createHash } from 'node:crypto';

/** Id of a served model → its share of the requests, beside those of the others. At least one is above 0. */
export type Weights = ReadonlyMap<string, number>;

/** By name. */
export type Aliases = ReadonlyMap<string, Weights>;

/**
 * The version for `key`: always the same one while the weights are the same, and of many keys each version gets its share.
 * Raising a version's weight moves keys to that version only, lowering it moves keys away from that one only.
 * Weighted rendezvous hashing: each version draws a score of its own for the key, and the highest wins.
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

/** In (0, 1), evenly spread and independent for different arguments. */
function uniform(...parts: readonly string[]): number {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
