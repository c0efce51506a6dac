// GET /v1/history, and the timer that takes the samples of the history.
import type { Context } from 'hono';
import type { EngineStatus } from '../../../engine/messages.ts';
import type { ApiContext } from '../../context.ts';
import { badRequest } from '../../errors.ts';
import { statusInTime } from '../engine-status.ts';
import { type EngineTotals, type History, seriesOf } from './history.ts';
import type { Ring } from './ring.ts';

export interface Keeping {
  /** The sampling ends when this signal is aborted. */
  signal: AbortSignal;
  /** Interval between two samples. Default 1000 ms. */
  everyMs?: number;
}

/** Milliseconds since the epoch. They never go back, even if the machine's clock is changed. */
function steadyNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Samples the engines periodically. A sample is skipped if the sample before it still waits for an engine. */
export function keepHistory(
  history: History,
  { contexts, signal, everyMs = 1_000 }: Keeping & { contexts: Iterable<ApiContext> },
): void {
  const models = [...contexts];
  let sampling = false;
  const sample = async () => {
    if (sampling) return;
    sampling = true;
    const totals = await totalsOf(models);
    sampling = false;
    if (!signal.aborted) history.sample(steadyNow(), totals);
  };
  const timer = setInterval(() => void sample(), everyMs);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** Sums over all models. Undefined if an engine does not answer, because a sum without that engine would look like a drop. */
async function totalsOf(models: readonly ApiContext[]): Promise<EngineTotals | undefined> {
  const statuses = (await Promise.all(models.map(statusInTime))).filter((status) => status !== undefined);
  if (statuses.length < models.length) return undefined;
  const sum = (of: (status: EngineStatus) => number) =>
    statuses.reduce((total, status) => total + of(status), 0);
  const limit = sum(({ kvBytesLimit }) => kvBytesLimit);
  return {
    prompt_tokens: sum(({ counters }) => counters.prompt_tokens ?? 0),
    generated_tokens: sum(({ counters }) => counters.generated_tokens ?? 0),
    running: sum(({ running }) => running),
    waiting: sum(({ waiting }) => waiting),
    kv_used: limit === 0 ? 0 : sum(({ kvBytesReserved }) => kvBytesReserved) / limit,
  };
}

export function showHistory(
  c: Context,
  { history, version }: { history: History; version: string },
): Response {
  const sinceMs = 1_000 * timeOf(c.req.query('since'));
  return c.json({
    object: 'history',
    version,
    started: Math.round(performance.timeOrigin / 1_000),
    now: Math.round(steadyNow() / 1_000),
    totals: history.totals,
    seconds: stretchOf(history.seconds, sinceMs),
    // A minute's row is written when the minute is over, so rows that began before `since` may be new.
    minutes: stretchOf(history.minutes, sinceMs - 120_000),
  });
}

function stretchOf(ring: Ring, sinceMs: number) {
  const stretch = ring.since(sinceMs);
  return { step: ring.stepMs / 1_000, start: stretch.startMs / 1_000, series: seriesOf(stretch) };
}

/** Unix seconds. 0 if the query does not give a time. */
function timeOf(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw badRequest(`'since' must be a time in Unix seconds, not '${text.slice(0, 50)}'.`, { param: 'since' });
}
