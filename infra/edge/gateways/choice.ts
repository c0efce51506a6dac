// Chooses the gateway of a request. Pure.

export interface Candidate {
  /** Decides which keys belong to the gateway. */
  name: string;
  /** Number of requests in progress at the gateway. */
  open: number;
  healthy: boolean;
  /** 0: this request has lost no connection to the gateway. Otherwise, higher numbers were lost later. */
  lost: number;
  /** Place of its region in the order of preference. 0 is the nearest. */
  rank: number;
}

/** The preferred gateway is passed over if it has more open requests than this factor times the mean, plus the constant. */
const LOAD_FACTOR = 1.25;
const LOAD_SLACK = 2;

/**
 * Of the nearest region that has a healthy gateway: with a key, the gateway that is preferred for the key, unless it has too much load;
 * otherwise the gateway with the least load. Gateways that this request has lost come last, the latest one at the end. Falls back to
 * gateways that are not healthy, because a check may be wrong and an attempt costs little. `random` is from 0 to 1.
 */
export function chooseGateway<C extends Candidate>(
  candidates: readonly C[],
  { key, random }: { key?: string | undefined; random: number },
): C | undefined {
  let best = candidates.some(({ healthy }) => healthy)
    ? candidates.filter(({ healthy }) => healthy)
    : candidates;
  for (const field of ['lost', 'rank'] as const) {
    const least = Math.min(...best.map((candidate) => candidate[field]));
    best = best.filter((candidate) => candidate[field] === least);
  }
  if (key === undefined) return leastLoaded(best, random);
  const [preferred, second, third] = ranked(key, best);
  if (preferred === undefined || second === undefined) return preferred;
  const mean = best.reduce((total, { open }) => total + open, 0) / best.length;
  if (preferred.open <= LOAD_FACTOR * mean + LOAD_SLACK) return preferred;
  return third !== undefined && third.open < second.open ? third : second;
}

/** One of the gateways with the fewest open requests. */
function leastLoaded<C extends Candidate>(candidates: readonly C[], random: number): C | undefined {
  const fewest = Math.min(...candidates.map(({ open }) => open));
  const equal = candidates.filter(({ open }) => open === fewest);
  return equal[Math.min(equal.length - 1, Math.floor(random * equal.length))];
}

/**
 * Orders by random scores for the key, largest first (rendezvous hashing, Thaler and Ravishankar 1998). If a candidate is added or
 * removed, only its own keys move. A candidate is first for a share of the keys in proportion to its weight, which is 1 if it has none
 * (Schindelhauer and Schomaker 2005).
 */
export function ranked<C extends { name: string; weight?: number }>(
  key: string,
  candidates: readonly C[],
): C[] {
  const hash = hashOf(key);
  const scored = candidates.map((candidate) => {
    const uniform = (mixed(hash ^ hashOf(candidate.name)) + 0.5) / 2 ** 32;
    return { candidate, score: (candidate.weight ?? 1) / -Math.log(uniform) };
  });
  scored.sort((a, b) => b.score - a.score);
  return scored.map(({ candidate }) => candidate);
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
