// Decode speed by time since a start.
import { now } from '../engine.ts';
import { streamCompletion } from '../http.ts';

export interface FirstMinute {
  /** Tokens a second by seconds since the start. */
  windows: { from: number; to: number; rate: number }[];
  /** Tokens a second of all windows within the first part, and in the settled part. */
  early: number;
  settled: number;
  /** `early / settled` */
  share: number;
}

const WINDOW_S = 5;

/** `times`: when each token came, in milliseconds since the start. The first part lasts `seconds`, the settled part `settled` seconds. */
export function firstMinute(
  times: readonly number[],
  { seconds, settled }: { seconds: number; settled: number },
): FirstMinute {
  const rate = (from: number, to: number) =>
    times.filter((time) => time >= 1_000 * from && time < 1_000 * to).length / (to - from);
  const windows = Array.from({ length: Math.floor((seconds + settled) / WINDOW_S) }, (_, i) => {
    const [from, to] = [i * WINDOW_S, (i + 1) * WINDOW_S];
    return { from, to, rate: rate(from, to) };
  });
  const [early, late] = [rate(0, seconds), rate(seconds, seconds + settled)];
  return { windows, early, settled: late, share: early / late };
}

/** One client streams without pause for `seconds`. Returns when each token came, in milliseconds since this function was called. */
export async function streamFor(url: string, model: string, seconds: number): Promise<number[]> {
  const startedAt = now();
  const times: number[] = [];
  for (let turn = 0; now() - startedAt < 1_000 * seconds; turn++) {
    const stream = await streamCompletion(new URL('/v1/completions', url), {
      model,
      prompt: Array.from({ length: 16 }, (_, i) => (1 + 7 * i + 31 * turn) % 4_000),
      max_tokens: 200,
      ignore_eos: true,
      temperature: 0.8,
      stream: true,
      stream_options: { include_usage: true },
    });
    times.push(...stream.times.map((time) => time - startedAt));
  }
  return times;
}
