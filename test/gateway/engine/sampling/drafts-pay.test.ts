// Whether drafts pay: generates texts that are known in advance on machines whose step times are formulas, with and without
// drafts. Drafts change no token, so only the times differ.
import { describe, expect, it } from 'vitest';
import { Speculation } from '../../../../gateway/engine/sampling/speculation.ts';
import { StepCosts } from '../../../../gateway/engine/scheduling/step-costs.ts';
import { uniform } from '../../../support/random.ts';

const LENGTH = 600;
const PROMPT = 64;
const TOKENS = 12_000;

/** Milliseconds of a step with so many rows. */
interface Machine {
  busyMs: (rows: number) => number;
  idleMs: (rows: number) => number;
}

const machines: Record<string, Machine> = {
  'in one process, where every row costs the same': { busyMs: (rows) => 0.3 + 0.7 * rows, idleMs: () => 0 },
  'in one process, where more rows cost less each': {
    busyMs: (rows) => 5 + 13 * rows ** 0.8,
    idleMs: () => 0,
  },
  'over shards nearby, which compute for as long': {
    busyMs: (rows) => rows ** 0.7,
    idleMs: (rows) => rows ** 0.9,
  },
  'over shards 1 ms away': { busyMs: (rows) => rows ** 0.7, idleMs: (rows) => 12 + rows ** 0.7 },
  'over shards 3 ms away': { busyMs: (rows) => rows ** 0.7, idleMs: (rows) => 40 + rows ** 0.7 },
};

const random = uniform(5);
const below = (limit: number) => Math.floor(limit * random());
const textOf = (next: (ids: readonly number[]) => number): number[] => {
  const ids: number[] = [];
  while (ids.length < LENGTH) ids.push(next(ids));
  return ids;
};
const texts: Record<string, number[][]> = {
  'without repeats': Array.from({ length: 32 }, () => textOf(() => below(4_000))),
  'in which half of all drafts are wrong': Array.from({ length: 32 }, () =>
    textOf((ids) => (random() < 0.5 ? ((ids.at(-1) ?? 1) * 7 + 3) % 60 : below(60))),
  ),
  'that repeats itself': Array.from({ length: 32 }, () => textOf((ids) => ids.at(-90) ?? below(4_000))),
};

interface Run {
  texts: readonly number[][];
  streams: number;
  machine: Machine;
  /** Standard deviation of the logarithm of the measured times. */
  noise: number;
  drafting: boolean;
}

/** Generates `TOKENS` tokens. Returns the milliseconds that this takes. */
function run({ texts, streams, machine, noise, drafting }: Run): number {
  const draw = uniform(9);
  const costs = new StepCosts();
  let begun = 0;
  const begin = () => {
    const text = texts[begun++ % texts.length]!;
    return { text, ids: text.slice(0, PROMPT), speculation: new Speculation() };
  };
  const running = Array.from({ length: streams }, begin);
  let tokens = 0;
  let totalMs = 0;
  while (tokens < TOKENS) {
    const price = costs.draftPrice(streams);
    const drafts = running.map(({ text, ids, speculation }) =>
      drafting ? speculation.draft(ids, text.length - ids.length - 1, price) : [],
    );
    const count = drafts.reduce((sum, { length }) => sum + length, 0);
    const [busyMs, idleMs] = [machine.busyMs(streams + count), machine.idleMs(streams + count)];
    totalMs += busyMs + idleMs;
    const normal = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
    const factor = Math.exp(noise * normal);
    const measured = { ms: factor * (busyMs + idleMs), idleMs: factor * idleMs };
    costs.learn({ decoding: streams, promptRows: 0, position: 0, drafts: count, ...measured });
    for (const [i, { text, ids, speculation }] of running.entries()) {
      const before = ids.length;
      do ids.push(text[ids.length]!);
      while (ids.length < text.length && drafts[i]![ids.length - before - 1] === ids.at(-1));
      tokens += ids.length - before;
      speculation.learn(ids);
      if (ids.length === text.length) running[i] = begin();
    }
  }
  return totalMs;
}

/** Speed with drafts divided by the speed without. */
function gain(options: Omit<Run, 'drafting'>): number {
  return run({ ...options, drafting: false }) / run({ ...options, drafting: true });
}

describe.each(Object.entries(machines))('%s', (_, machine) => {
  it.each(Object.keys(texts))('drafts never lose 2 %% with a text %s', (name) => {
    for (const streams of [1, 4, 16]) {
      for (const noise of [0, 0.1, 0.3, 0.6]) {
        expect(
          gain({ texts: texts[name]!, streams, machine, noise }),
          `${streams} streams, noise ${noise}`,
        ).toBeGreaterThan(0.98);
      }
    }
  });
});

it('drafts of a text that repeats itself more than double the speed over shards 1 ms away', () => {
  const machine = machines['over shards 1 ms away']!;
  for (const streams of [1, 4, 16]) {
    expect(gain({ texts: texts['that repeats itself']!, streams, machine, noise: 0.3 })).toBeGreaterThan(2);
  }
});
