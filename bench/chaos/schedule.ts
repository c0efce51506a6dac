// Draws from a seed which faults hit which shards. Pure.
//
// The rule: a round's faults last together, and a round begins only once the one before it is healed, so of every expert
// at least one replica is healthy at any time. No round hits all replicas of an expert.
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
  /** How long it lasts before it is healed, where that is ours to say. Milliseconds. */
  holdMs: number;
  /** Of what it draws by itself. */
  seed: number;
}

export interface Round {
  /** One, or two at once. */
  faults: Fault[];
  /** After it is healed, before the next. Milliseconds. */
  pauseMs: number;
}

export interface ScheduleOptions {
  seed: number;
  /** In all rounds together. */
  faults: number;
  kinds: readonly Kind[];
  /** Of each shard, the parts of the model that it holds, by any number. */
  holdings: readonly (readonly number[])[];
  /** Shards that may be struck; all if absent. */
  struck?: readonly number[];
  /** Of rounds that have two faults at once, where the rule allows a second. */
  pairs?: number;
}

/** Milliseconds. */
const HOLD = [300, 1_200] as const;
const PAUSE = [100, 400] as const;

/** Every kind comes once before any comes again. Throws if no shard may be struck at all. */
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
      round.push({ kind: nextKind(), shard, holdMs: between(HOLD), seed: Math.floor(random() * 2 ** 31) });
    }
    if (round.length === 0) throw new Error('no shard may be struck: each holds the only copy of something');
    left -= round.length;
    rounds.push({ faults: round, pauseMs: between(PAUSE) });
  }
  return rounds;
}

/** Whether every part of the model is held by a shard that is not `down`. */
export function leavesCopies(holdings: readonly (readonly number[])[], down: readonly number[]): boolean {
  const healthy = new Set(holdings.flatMap((parts, shard) => (down.includes(shard) ? [] : parts)));
  return holdings.flat().every((part) => healthy.has(part));
}

/** Gives all of `items` in a drawn order, then again in another. */
function bag<T>(items: readonly T[], random: () => number): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...items];
    const [item] = left.splice(Math.floor(random() * left.length), 1);
    if (item === undefined) throw new Error('there are no kinds of fault to draw from');
    return item;
  };
}
