// Computes times to first token and decode rates from the arrival times of tokens.
import type { Generation, Stream } from '../engine.ts';
import { sum } from '../statistics.ts';

/** Seconds from the start until every stream has its first token. */
export function firstTokenSeconds({ startedAt, streams }: Generation): number {
  return (Math.max(...streams.map(({ times }) => first(times))) - startedAt) / 1000;
}

/** Whether there is a time at which every stream decodes. If not, the streams have too few tokens. */
export function decodeAtOnce(generation: Generation): boolean {
  const { from, to } = whileAllDecode(generation);
  return to > from;
}

function whileAllDecode({ streams }: Generation): { from: number; to: number } {
  return {
    from: Math.max(...streams.map(({ times }) => first(times))),
    to: Math.min(...streams.map(({ times }) => times.at(-1) ?? Number.NaN)),
  };
}

/** Tokens a second of all streams together while all of them decode. Throws if they never all decode at once. */
export function decodeRate(generation: Generation): number {
  const { streams } = generation;
  const { from, to } = whileAllDecode(generation);
  if (!(to > from)) throw new Error('the streams never decoded all at once: give them more tokens');
  return sum(streams.map((stream) => tokensWithin(stream, from, to))) / ((to - from) / 1000);
}

/** An arrival may hold several tokens, so arrivals are multiplied by the mean number of tokens in an arrival. */
function tokensWithin({ times, tokens }: Stream, from: number, to: number): number {
  return (times.filter((time) => time > from && time <= to).length * tokens) / times.length;
}

function first(times: readonly number[]): number {
  const [time] = times;
  if (time === undefined) throw new Error('a stream ended without a token');
  return time;
}
