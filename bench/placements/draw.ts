// What happens in one interleaving, drawn from its seed: when two operators apply what, over which delays, and which
// processes and connections fail meanwhile. Pure.
import { uniform } from '../../test/support/random.ts';

export interface OperatorDraw {
  /** After both operators have begun to ask the shards, milliseconds. */
  startMs: number;
  /** Killed so long after its start; undefined: never. */
  killMs: number | undefined;
  /** One way, to each shard. */
  delaysMs: number[];
  /** A placement file of its own, or `plan --apply` from a gateway's heat. */
  how: 'file' | 'heat';
  /** `[groups][holders]`, shards by number: where a file wants each group of experts. */
  holders: number[][];
}

export interface Fault {
  atMs: number;
  kind: 'kill shard' | 'kill gateway' | 'cut' | 'silence';
  shard: number;
  gateway: number;
}

export interface Draw {
  operators: OperatorDraw[];
  faults: Fault[];
}

export interface Sizes {
  shards: number;
  gateways: number;
  groups: number;
}

const OPERATORS = 2;
const START_WITHIN = 200;
const KILL_WITHIN = 5_000;
const FAULT_WITHIN = 5_000;
const LEAST_SLOW = 50;
const LONGEST_DELAY = 600;

export function drawInterleaving(seed: number, { shards, gateways, groups }: Sizes): Draw {
  const next = uniform(seed);
  const below = (count: number) => Math.floor(next() * count);
  const perhaps = (share: number) => next() < share;
  // Some links are slow. The slowest are as slow for both operators, so that both have heard of all shards at about the same
  // time, and the placement of each comes first to some of them.
  const slowMs = LEAST_SLOW + below(LONGEST_DELAY - LEAST_SLOW);
  const delays = () => {
    const slowest = below(shards);
    return Array.from({ length: shards }, (_, shard) => {
      return shard === slowest || perhaps(0.4) ? slowMs : below(10);
    });
  };
  const operators = Array.from({ length: OPERATORS }, (): OperatorDraw => {
    return {
      startMs: below(START_WITHIN),
      killMs: perhaps(0.2) ? below(KILL_WITHIN) : undefined,
      delaysMs: delays(),
      how: perhaps(0.7) ? 'file' : 'heat',
      holders: Array.from({ length: groups }, () => {
        const first = below(shards);
        return perhaps(0.5) ? [first] : [first, (first + 1 + below(shards - 1)) % shards];
      }),
    };
  });
  const faults: Fault[] = [];
  const fault = (kind: Fault['kind'], share: number) => {
    if (!perhaps(share)) return;
    faults.push({ kind, atMs: below(FAULT_WITHIN), shard: below(shards), gateway: below(gateways) });
  };
  fault('kill shard', 0.35);
  fault('kill gateway', 0.1);
  fault('cut', 0.4);
  fault('cut', 0.2);
  fault('silence', 0.15);
  return { operators, faults };
}
