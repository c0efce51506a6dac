// Draws from a seed which faults hit which shards. Pure.
//
// The rule: at least one replica of every expert is healthy at any time. For that, no round hits all replicas of an
// expert, and a round begins only when the round before it is healed.
import { seedOf, uniform } from '../../test/support/random.ts';

export const KINDS = [
  'kill',
  'stop',
  'slow',
  'cut',
  'garbage',
  'half-open',
  'nan',
  'flip',
  'busy',
  'restart',
] as const;
export type Kind = (typeof KINDS)[number];

export interface Fault {
  kind: Kind;
  /** Index of the shard. */
  shard: number;
  /** How long the fault lasts. Kinds that end by themselves (`flip`, `restart`) ignore it. */
  holdMs: number;
  /** Seed of the random choices within the fault. */
  seed: number;
}

export interface Round {
  /** One fault, or two at the same time. */
  faults: Fault[];
  /** Pause between the end of this round and the next round. */
  pauseMs: number;
}

interface ScheduleOptions {
  seed: number;
  /** Number of faults in all rounds together. */
  faults: number;
  kinds: readonly Kind[];
  /** For each shard, the indexes of the parts of the model that it holds. */
  holdings: readonly (readonly number[])[];
  /** Shards that may be struck. Default: all. */
  struck?: readonly number[];
  /** Share of rounds with two faults at the same time, if the rule allows a second fault (0–1). Default: 0.1. */
  pairs?: number;
}

/** Shortest and longest time of a fault, and of the pause after a round. */
const HOLD_MS = [300, 1_200] as const;
const PAUSE_MS = [100, 400] as const;

/** Every kind is drawn once before a kind is drawn again. Throws if the rule allows no fault at all. */
export function drawRounds({
  seed,
  faults,
  kinds,
  holdings,
  struck = [...holdings.keys()],
  pairs = 0.1,
}: ScheduleOptions): Round[] {
  const random = uniform(seedOf(seed, 'faults'));
  const between = ([least, most]: readonly [number, number]) => Math.round(least + (most - least) * random());
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const candidates = (down: readonly number[]) =>
    struck.filter((shard) => !down.includes(shard) && leavesCopies(holdings, [...down, shard]));
  const nextKind = bag(kinds, random);

  const rounds: Round[] = [];
  for (let left = faults; left > 0; ) {
    const wanted = left > 1 && random() < pairs ? 2 : 1;
    const round: Fault[] = [];
    while (round.length < wanted) {
      const shard = pick(candidates(round.map((fault) => fault.shard)));
      if (shard === undefined) break;
      round.push({ kind: nextKind(), shard, holdMs: between(HOLD_MS), seed: Math.floor(random() * 2 ** 31) });
    }
    if (round.length === 0)
      throw new Error('no shard may be struck: each shard holds the only replica of something');
    left -= round.length;
    rounds.push({ faults: round, pauseMs: between(PAUSE_MS) });
  }
  return rounds;
}

/** Whether every part of the model is held by a shard that is not `down`. */
export function leavesCopies(holdings: readonly (readonly number[])[], down: readonly number[]): boolean {
  const healthy = new Set(holdings.flatMap((parts, shard) => (down.includes(shard) ? [] : parts)));
  return holdings.flat().every((part) => healthy.has(part));
}

/** Successive calls return all of `items` in a random order, then all of them again in another order. */
function bag<T>(items: readonly T[], random: () => number): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...items];
    const [item] = left.splice(Math.floor(random() * left.length), 1);
    if (item === undefined) throw new Error('there are no kinds of fault to draw from');
    return item;
  };
}
