// Measures a long prompt that arrives while other sequences decode: the gaps between the tokens of those sequences with
// and without the prompt, and the time to first token of the prompt among them and alone.
import { setTimeout as delay } from 'node:timers/promises';
import type { Engine } from '../../gateway/engine/engine.ts';
import { generate } from '../in-process.ts';
import { percentile } from '../statistics.ts';

interface ArrivalOptions {
  /** Number of decoding sequences. */
  streams: number;
  /** Length of the prompt that arrives, in tokens. */
  prompt: number;
  /** Seed of the ids of all prompts. With a seed of its own, a run finds no prefix of its prompts in the cache. */
  seed: number;
}

/** Milliseconds. */
export interface Gaps {
  median: number;
  p99: number;
}

export interface Arrival {
  /** Gaps between tokens of the decoding sequences while the prompt was computed, and as many gaps without the prompt. */
  gaps: Gaps;
  quietGaps: Gaps;
  /** From the prompt's arrival to its first token, among the decoding sequences and on an idle engine. */
  firstMs: number;
  idleFirstMs: number;
}

/** Length of the prompts of the decoding sequences, in tokens. */
const SHORT = 24;
/** How long sequences decode undisturbed before they are measured. */
const SETTLE_MS = 300;

export async function arrival(engine: Engine, { streams, prompt, seed }: ArrivalOptions): Promise<Arrival> {
  const { vocab, context } = engine.info;
  const ids = (length: number, of: number) =>
    Int32Array.from({ length }, (_, i) => (7 + 13 * seed + 101 * of + i * (of + 3)) % vocab);
  const firstTokenMs = async (of: number) => {
    const askedAt = performance.now();
    for await (const _ of generate(engine, { prompt: ids(prompt, of), maxTokens: 1 })) break;
    return performance.now() - askedAt;
  };
  await firstTokenMs(1); // compiles the code and touches the weights
  const idleFirstMs = await firstTokenMs(2);

  const times: number[][] = Array.from({ length: streams }, () => []);
  const ending = new AbortController();
  const others = times.map(async (own, n) => {
    const ask = { prompt: ids(SHORT, 10 + n), maxTokens: context - SHORT, signal: ending.signal };
    for await (const _ of generate(engine, ask)) own.push(performance.now());
  });
  try {
    await until(() => times.every((own) => own.length > 0));
    await delay(SETTLE_MS);
    const arrivedAt = performance.now();
    const firstMs = await firstTokenMs(3);
    const doneAt = performance.now();
    const gaps = gapsWithin(times, arrivedAt, doneAt);
    await delay(SETTLE_MS);
    const quietAt = performance.now();
    await until(() => gapsWithin(times, quietAt, Number.POSITIVE_INFINITY).length >= gaps.length);
    const quiet = gapsWithin(times, quietAt, Number.POSITIVE_INFINITY);
    return { gaps: summary(gaps), quietGaps: summary(quiet), firstMs, idleFirstMs };
  } finally {
    ending.abort();
    await Promise.all(others);
  }
}

/** Gaps that end after `from` and at `to` at the latest. */
function gapsWithin(times: readonly number[][], from: number, to: number): number[] {
  return times.flatMap((own) => {
    return own.flatMap((at, i) => (i > 0 && at > from && at <= to ? [at - (own[i - 1] ?? at)] : []));
  });
}

function summary(gaps: readonly number[]): Gaps {
  return { median: percentile(gaps, 0.5), p99: percentile(gaps, 0.99) };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await delay(5);
}
