// Draws one interleaving from its seed: the placements that two operators apply, when they start, the delays of their
// messages, and the processes and connections that fail meanwhile. Pure.
import { uniform } from '../../test/support/random.ts';

export interface OperatorDraw {
  /** How long this operator waits after both operators are ready to send to the shards. */
  startMs: number;
  /** How long after its start the operator is killed. Undefined if it is not killed. */
  killMs: number | undefined;
  /** Delay of a message to each shard. */
  delaysMs: number[];
  /** What `plan --apply` applies: a placement file of this operator, or a plan from the heat of a gateway. */
  how: 'file' | 'heat';
  /** Shards that hold each group of experts in the placement file, `[groups][holders]`. */
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
const START_WITHIN_MS = 200;
const KILL_WITHIN_MS = 5_000;
const FAULT_WITHIN_MS = 5_000;
/** Range of the delay of slow links. */
const LEAST_SLOW_MS = 50;
const MOST_SLOW_MS = 600;

export function drawInterleaving(seed: number, { shards, gateways, groups }: Sizes): Draw {
  const next = uniform(seed);
  const below = (count: number) => Math.floor(next() * count);
  const perhaps = (share: number) => next() < share;
  // Each operator has slow links to some shards, and all slow links have the same delay. Both operators therefore have the
  // answers of all shards at about the same time, and each operator reaches some shards before the other.
  const slowMs = LEAST_SLOW_MS + below(MOST_SLOW_MS - LEAST_SLOW_MS);
  const delays = () => {
    const slowest = below(shards);
    return Array.from({ length: shards }, (_, shard) => {
      return shard === slowest || perhaps(0.4) ? slowMs : below(10);
    });
  };
  const operators = Array.from({ length: OPERATORS }, (): OperatorDraw => {
    return {
      startMs: below(START_WITHIN_MS),
      killMs: perhaps(0.2) ? below(KILL_WITHIN_MS) : undefined,
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
    faults.push({ kind, atMs: below(FAULT_WITHIN_MS), shard: below(shards), gateway: below(gateways) });
  };
  fault('kill shard', 0.35);
  fault('kill gateway', 0.1);
  fault('cut', 0.4);
  fault('cut', 0.2);
  fault('silence', 0.15);
  return { operators, faults };
}
