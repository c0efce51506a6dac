// Loads a fleet: streams that all decode for some seconds, or prompts one after another.
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../http.ts';
import { percentile } from '../statistics.ts';
import { between, type Counts, count } from './counts.ts';
import type { Fleet } from './fleet.ts';

interface Common {
  /** Name of the model in requests. */
  model: string;
  /** Number of token ids. */
  vocab: number;
  prompt: number;
}

export interface Decoded {
  counts: Counts;
  tokensPerSecond: number;
  /** Time of a token of a stream, the median over streams. Milliseconds. */
  tokenMs: number;
  /** Positions before a row, on average. */
  positions: number;
}

/** Most positions of a sequence that the streams may need, so that none ends before it is cut off. */
const LONGEST = 2000;
/** All streams decode this long before the window that counts. */
const SETTLE_MS = 700;
/** Streams of each gateway in the loads before the first that counts. */
const WARM_UPS = [8, 1, 16];

/** Streams that are spread evenly over the gateways, and are cut off after `seconds` in which all of them decoded. */
export async function decode(
  fleet: Fleet,
  { streams, seconds, ...common }: Common & { streams: number; seconds: number },
): Promise<Decoded> {
  const begun = await count(fleet, true);
  const times: number[][] = Array.from({ length: streams }, () => []);
  const over = new AbortController();
  const running = times.map((own, i) => {
    const { url } = fleet.gateways[i % fleet.gateways.length]!;
    const onEvent = () => void own.push(performance.now());
    const body = completion(common, LONGEST - common.prompt);
    return ask(new URL('/v1/completions', url), body, { onEvent, signal: over.signal }).then(
      ({ tail }) => {
        throw new Error(`a stream ended before it was cut off: ${tail}`);
      },
      (error: unknown) => {
        if (!over.signal.aborted) throw error;
      },
    );
  });
  const ended = Promise.all(running);
  const measured = measureWindow(fleet, times, seconds);
  const { before, after } = await Promise.race([measured, ended.then(() => measured)]);
  over.abort();
  await ended;
  const counts = between(before, after);
  const each = times.map((own) => {
    const within = own.filter((at) => at > before.atMs && at <= after.atMs);
    return ((within.at(-1) ?? Number.NaN) - (within[0] ?? Number.NaN)) / (within.length - 1);
  });
  const made = (before.generated - begun.generated + counts.generated / 2) / streams;
  return {
    counts,
    positions: common.prompt + made,
    tokensPerSecond: (1000 * counts.generated) / counts.atMs,
    tokenMs: percentile(each, 0.5),
  };
}

async function measureWindow(fleet: Fleet, times: readonly number[][], seconds: number) {
  while (!times.every((own) => own.length > 0)) await delay(5);
  await delay(SETTLE_MS);
  const before = await count(fleet, true);
  await delay(1000 * seconds);
  return { before, after: await count(fleet, false) };
}

/** Compiles the code of all processes and touches their memory. */
export async function warmUp(fleet: Fleet, common: Omit<Common, 'prompt'>): Promise<void> {
  for (const streams of WARM_UPS) {
    await decode(fleet, { ...common, prompt: 64, streams: streams * fleet.gateways.length, seconds: 1 });
  }
}

/** Sends prompts one after another, each for one token. `ms` is the median time to the answer. */
export async function prefill(
  fleet: Fleet,
  { times, ...common }: Common & { times: number },
): Promise<{ counts: Counts; ms: number }> {
  const url = new URL('/v1/completions', fleet.gateways[0]?.url);
  const before = await count(fleet, true);
  const took: number[] = [];
  for (let i = 0; i < times; i++) {
    const from = performance.now();
    const { ending, tail } = await ask(url, completion(common, 1));
    if (ending !== 'finish') throw new Error(`a prompt got no answer: ${tail}`);
    took.push(performance.now() - from);
  }
  return { counts: between(before, await count(fleet, false)), ms: percentile(took, 0.5) };
}

/** Fresh random ids, so that no prefix is in the cache. */
function completion({ model, vocab, prompt }: Common, tokens: number): object {
  return {
    model,
    prompt: Array.from({ length: prompt }, () => Math.floor(Math.random() * vocab)),
    max_tokens: tokens,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
  };
}
