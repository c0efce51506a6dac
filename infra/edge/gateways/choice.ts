// Chooses the gateway of a request. Pure.

export interface Candidate {
  /** Decides which keys belong to the gateway. */
  name: string;
  /** Number of requests in progress at the gateway. */
  open: number;
  healthy: boolean;
  /** Whether this request has lost a connection to the gateway. */
  lost: boolean;
}

/** The preferred gateway is passed over if it has more open requests than this factor times the mean, plus the constant. */
const LOAD_FACTOR = 1.25;
const LOAD_SLACK = 2;

/**
 * With a key, the gateway that is preferred for the key, unless it has too much load; otherwise the gateway with the least load. Falls
 * back to gateways that are not healthy, because a check may be wrong and an attempt costs little. `random` is from 0 to 1.
 */
export function chooseGateway<C extends Candidate>(
  candidates: readonly C[],
  { key, random }: { key?: string | undefined; random: number },
): C | undefined {
  const tier = Math.min(...candidates.map(tierOf));
  const best = candidates.filter((candidate) => tierOf(candidate) === tier);
  if (key === undefined) return leastLoaded(best, random);
  const [preferred, second, third] = ranked(key, best);
  if (preferred === undefined || second === undefined) return preferred;
  const mean = best.reduce((total, { open }) => total + open, 0) / best.length;
  if (preferred.open <= LOAD_FACTOR * mean + LOAD_SLACK) return preferred;
  return third !== undefined && third.open < second.open ? third : second;
}

function tierOf({ healthy, lost }: Candidate): number {
  return (healthy ? 0 : 2) + (lost ? 1 : 0);
}

/** One of the gateways with the fewest open requests. */
function leastLoaded<C extends Candidate>(candidates: readonly C[], random: number): C | undefined {
  const fewest = Math.min(...candidates.map(({ open }) => open));
  const equal = candidates.filter(({ open }) => open === fewest);
  return equal[Math.min(equal.length - 1, Math.floor(random * equal.length))];
}

/**
 * Orders by random weights for the key, largest first (rendezvous hashing, Thaler and Ravishankar 1998). If a gateway is added or
 * removed, only its own keys move.
 */
export function ranked<C extends { name: string }>(key: string, candidates: readonly C[]): C[] {
  const hash = hashOf(key);
  const weighed = candidates.map((candidate) => {
    return { candidate, weight: mixed(hash ^ hashOf(candidate.name)) };
  });
  weighed.sort((a, b) => b.weight - a.weight);
  return weighed.map(({ candidate }) => candidate);
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash);
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of `hash`. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
