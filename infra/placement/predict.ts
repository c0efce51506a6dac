// Predicts the loads of shards and the frames and time of a step for a layout. Pure and deterministic: draws steps from the heat with
// a fixed seed.
import { type Heat, sharesOf } from './heat.ts';
import type { Home } from './home.ts';
import { hottestOf, type Layout, loadsOf } from './layout.ts';
import { layerMicroseconds, type StepCost } from './step-cost.ts';
import { staying } from './together.ts';

interface PredictOptions {
  heat: Heat;
  shards: number;
  /** Rows of a step. */
  rows: number;
  /** Experts for each row, by layer. Default: 1. */
  k?: readonly number[];
  cost: StepCost;
  /** Units that the gateway holds itself. Default: none. */
  home?: Home;
}

export interface Prediction {
  /** `[layers][shards]`, shares of the layer's rows (`loadsOf`). */
  loads: number[][];
  /** Hottest shard's load divided by the mean load, averaged over layers. */
  hottest: number;
  /** Mean frames of a step, summed over layers. */
  frames: number;
  /** Mean number of layers of a step that send a frame. */
  hops: number;
  /** Share of the (row, expert) pairs that the gateway computes itself. */
  home: number;
  /** Share of the rows that stay on their shard from one layer to the next. Undefined if the heat has no successors. */
  staying: number | undefined;
  stepMicroseconds: number;
}

/** Number of steps that are drawn for each layer. The error of a layer's mean number of frames is then about 0.05 frames. */
const DRAWS = 256;
const SEED = 20_261_122;

export function predict(
  layout: Layout,
  { heat, shards, rows, k = [], cost, home = [] }: PredictOptions,
): Prediction {
  const shares = sharesOf(heat);
  const loads = layout.map((holders, layer) => loadsOf(holders, shares[layer]!, shards));
  const random = createRandom(SEED);
  let [frames, hops, pairs, pairsHome, microseconds] = [0, 0, 0, 0, 0];
  for (const [layer, holders] of layout.entries()) {
    const draw = drawer(shares[layer]!, random);
    for (let step = 0; step < DRAWS; step++) {
      const wanted = new Map<number, number>();
      for (let row = 0; row < rows; row++) {
        const chosen = new Set<number>();
        while (chosen.size < (k[layer] ?? 1)) chosen.add(draw(chosen));
        for (const expert of chosen) wanted.set(expert, (wanted.get(expert) ?? 0) + 1);
      }
      for (const count of wanted.values()) pairs += count;
      const own = takeHome(wanted, home[layer]);
      pairsHome += own.rows;
      const sent = send(wanted, holders, shards, random);
      frames += sent.experts.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
      if (wanted.size > 0) hops++;
      microseconds += layerMicroseconds(cost, sent.experts, sent.rows, own);
    }
  }
  return {
    loads: loads.map((ofLayer) => [...ofLayer]),
    hottest: loads.reduce((sum, ofLayer) => sum + hottestOf(ofLayer), 0) / loads.length,
    frames: frames / DRAWS,
    hops: hops / DRAWS,
    home: pairsHome / pairs,
    staying: heat.successors === undefined ? undefined : staying(layout, heat.successors),
    stepMicroseconds: microseconds / DRAWS,
  };
}

/** Removes the experts that the gateway holds from `wanted`, and counts them and their rows. */
function takeHome(wanted: Map<number, number>, home: ArrayLike<number> = []) {
  const own = { experts: 0, rows: 0 };
  for (const [expert, count] of wanted) {
    if (home[expert] !== 1) continue;
    wanted.delete(expert);
    own.experts++;
    own.rows += count;
  }
  return own;
}

/** Sends rows like the router: to a holder that already gets a frame, else to a random holder. Counts experts and rows by shard. */
function send(
  wanted: ReadonlyMap<number, number>,
  holders: Layout[number],
  shards: number,
  random: () => number,
) {
  const experts = new Array<number>(shards).fill(0);
  const rows = new Array<number>(shards).fill(0);
  for (const [expert, count] of wanted) {
    const open = holders[expert]!;
    const joined = open.filter((shard) => experts[shard]! > 0);
    const from = joined.length > 0 ? joined : open;
    const shard = from[Math.floor(random() * from.length)]!;
    experts[shard]!++;
    rows[shard]! += count;
  }
  return { experts, rows };
}

/** Returns a function that draws an expert that is not `taken`, in proportion to the shares. */
function drawer(shares: Float64Array, random: () => number): (taken: ReadonlySet<number>) => number {
  const upTo = new Float64Array(shares.length);
  let sum = 0;
  shares.forEach((share, expert) => {
    sum += share;
    upTo[expert] = sum;
  });
  const drawAny = () => {
    const at = random() * sum;
    let [low, high] = [0, upTo.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return (taken) => {
    // A few draws find an expert, unless the taken ones have nearly the whole share.
    for (let attempt = 0; attempt < 8; attempt++) {
      const expert = drawAny();
      if (!taken.has(expert)) return expert;
    }
    const others = [...shares.keys()].filter((expert) => !taken.has(expert));
    let at = random() * others.reduce((total, expert) => total + shares[expert]!, 0);
    for (const expert of others) {
      at -= shares[expert]!;
      if (at < 0) return expert;
    }
    return others.at(-1)!;
  };
}

/** Pseudo-random numbers in [0, 1): hashes a counter with the final steps of MurmurHash3. */
function createRandom(seed: number): () => number {
  let count = seed;
  return () => {
    count = (count + 0x9e3779b9) | 0;
    let mixed = Math.imul(count ^ (count >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}
