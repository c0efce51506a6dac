// Turns arrival times into tokens a second.
import type { Generation, Stream } from '../engine.ts';

/** Seconds from the start until every stream has its first token. */
export function firstTokenSeconds({ startedAt, streams }: Generation): number {
  return (Math.max(...streams.map(({ times }) => first(times))) - startedAt) / 1000;
}

/** Tokens a second of all streams together while all of them decode: after the last first token, to the first end. */
export function decodeRate({ streams }: Generation): number {
  const from = Math.max(...streams.map(({ times }) => first(times)));
  const to = Math.min(...streams.map(({ times }) => times.at(-1) ?? Number.NaN));
  if (!(to > from)) throw new Error('the streams never decoded all at once: give them more tokens');
  const tokens = streams.reduce((sum, stream) => sum + tokensWithin(stream, from, to), 0);
  return tokens / ((to - from) / 1000);
}

function tokensWithin({ times, tokens }: Stream, from: number, to: number): number {
  return (times.filter((time) => time > from && time <= to).length * tokens) / times.length;
}

function first(times: readonly number[]): number {
  const [time] = times;
  if (time === undefined) throw new Error('a stream ended without a token');
  return time;
}

export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
