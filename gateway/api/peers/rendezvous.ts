// Which of several gateways a prompt belongs to, so that all of them keep it together with those that begin alike. Pure.
import { createHash } from 'node:crypto';

/** Positions that the key is made of: one block of keys and values (kernels' PAGE_POSITIONS). */
export const PREFIX_BLOCK = 32;

/** Names the beginning of a prompt; undefined where it is shorter than a block: there is nothing to share. */
export function prefixKey(model: string, prompt: ArrayLike<number>, salt = ''): string | undefined {
  if (prompt.length < PREFIX_BLOCK) return undefined;
  const hash = createHash('sha256').update(`${model}\0${salt}\0`);
  for (let i = 0; i < PREFIX_BLOCK; i++) hash.update(`${prompt[i]},`);
  return hash.digest('hex');
}

/**
 * The highest random weight (Thaler and Ravishankar 1998): every gateway that knows the same nodes finds the same one, and
 * a node that comes or goes moves only its own share of the keys. Throws without a node.
 */
export function rendezvous<N extends { name: string }>(key: string, nodes: readonly N[]): N {
  let best: { node: N; weight: string } | undefined;
  for (const node of nodes) {
    const weight = createHash('sha256').update(`${node.name}\0${key}`).digest('hex');
    if (best === undefined || weight > best.weight) best = { node, weight };
  }
  if (best === undefined) throw new RangeError('no node to choose from');
  return best.node;
}
