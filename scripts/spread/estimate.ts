// Estimates how evenly random router rows spread tokens over groups of experts.
import { uniform } from '../../test/support/random.ts';

/**
 * Share of the tokens that each of `groups` equal groups of experts gets, if the router saw the normed embeddings of `samples` tokens.
 * The rows that a running model gives to the router differ, more so in later layers. The gateway's metrics count the real shares.
 */
export function groupShares(
  { embedding, norm, router }: { embedding: Float32Array; norm: Float32Array; router: Float32Array },
  { groups, samples, seed }: { groups: number; samples: number; seed: number },
): number[] {
  const hidden = norm.length;
  const experts = router.length / hidden;
  const vocab = embedding.length / hidden;
  const next = uniform(seed);
  const counts = new Array<number>(groups).fill(0);
  for (let i = 0; i < samples; i++) {
    const token = Math.floor(next() * vocab) * hidden;
    const best = bestExpert(embedding.subarray(token, token + hidden), norm, router);
    const group = Math.floor((best * groups) / experts);
    counts[group] = (counts[group] ?? 0) + 1;
  }
  return counts.map((count) => count / samples);
}

/** The scale of RMSNorm is the same for all experts, so that it does not change the choice. */
function bestExpert(row: Float32Array, norm: Float32Array, router: Float32Array): number {
  const hidden = norm.length;
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let expert = 0; expert < router.length / hidden; expert++) {
    let score = 0;
    for (let i = 0; i < hidden; i++) score += row[i]! * norm[i]! * router[expert * hidden + i]!;
    if (score > most) [best, most] = [expert, score];
  }
  return best;
}
