// Measures a long prompt that arrives while other sequences decode: the gaps between their tokens with and without it, and its time
// to first token among them and alone.
import type { Engine } from '../../gateway/engine/engine.ts';
import { generate } from '../in-process.ts';

export interface ArrivalOptions {
  /** Number of decoding sequences. */
  streams: number;
  /** Tokens of the prompt that arrives. */
  prompt: number;
  /** Decides the ids, so that no prefix is in the cache. */
  seed: number;
}

/** Milliseconds. */
export interface Gaps {
  median: number;
  p99: number;
}

export interface Arrival {
  /** Between the tokens of the others while the prompt was computed, and as many without it. */
  gaps: Gaps;
  quietGaps: Gaps;
  /** From the prompt's arrival to its first token, among the others and on an idle engine. Milliseconds. */
  firstMs: number;
  idleFirstMs: number;
}

/** Tokens of the others' prompts. */
const SHORT = 24;
/** Milliseconds that the others decode undisturbed before they are measured. */
const SETTLE = 300;

export async function arrival(engine: Engine, { streams, prompt, seed }: ArrivalOptions): Promise<Arrival> {
  const { vocab, context } = engine.info;
  const ids = (length: number, of: number) =>
    Int32Array.from({ length }, (_, i) => (7 + 13 * seed + 101 * of + i * (of + 3)) % vocab);
  const firstTokenMs = async (of: number) => {
    const askedAt = performance.now();
    for await (const _ of generate(engine, { prompt: ids(prompt, of), maxTokens: 1 })) break;
    return performance.now() - askedAt;
  };
  await firstTokenMs(1); // code is compiled, weights are touched
  const idleFirstMs = await firstTokenMs(2);

  const times: number[][] = Array.from({ length: streams }, () => []);
  const ending = new AbortController();
  const others = times.map(async (own, n) => {
    const ask = { prompt: ids(SHORT, 10 + n), maxTokens: context - SHORT, signal: ending.signal };
    for await (const _ of generate(engine, ask)) own.push(performance.now());
  });
  try {
    await until(() => times.every((own) => own.length > 0));
    await pause(SETTLE);
    const arrivedAt = performance.now();
    const firstMs = await firstTokenMs(3);
    const doneAt = performance.now();
    const gaps = gapsWithin(times, arrivedAt, doneAt);
    await pause(SETTLE);
    const quietAt = performance.now();
    await until(() => gapsWithin(times, quietAt, Number.POSITIVE_INFINITY).length >= gaps.length);
    const quiet = gapsWithin(times, quietAt, Number.POSITIVE_INFINITY);
    return { gaps: summary(gaps), quietGaps: summary(quiet), firstMs, idleFirstMs };
  } finally {
    ending.abort();
    await Promise.all(others);
  }
}

/** Gaps that end within the time. */
function gapsWithin(times: readonly number[][], from: number, to: number): number[] {
  return times.flatMap((own) => {
    return own.flatMap((at, i) => (i > 0 && at > from && at <= to ? [at - (own[i - 1] ?? at)] : []));
  });
}

function summary(gaps: readonly number[]): Gaps {
  const sorted = gaps.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { median: at(0.5), p99: at(0.99) };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await pause(5);
}
