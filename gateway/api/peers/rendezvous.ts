// Decides to which of several gateways a prompt belongs. Prompts with the same beginning belong to the same gateway.
import { createHash } from 'node:crypto';

/** Number of first tokens that determine the key: one block of the KV cache (PAGE_POSITIONS of the kernels). */
export const PREFIX_BLOCK = 32;

/** A key for the beginning of a prompt. Undefined if the prompt is shorter than one block, because only whole blocks are cached. */
export function prefixKey(model: string, prompt: ArrayLike<number>, salt = ''): string | undefined {
  if (prompt.length < PREFIX_BLOCK) return undefined;
  const hash = createHash('sha256').update(`${model}\0${salt}\0`);
  for (let i = 0; i < PREFIX_BLOCK; i++) hash.update(`${prompt[i]},`);
  return hash.digest('hex');
}

/**
 * The node with the highest random weight for the key (Thaler and Ravishankar 1998). Gateways that know the same nodes choose the
 * same node. If a node is added or removed, only the keys of that node move. Throws if there is no node.
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
