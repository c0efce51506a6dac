// GET /v1/history, and the timer that samples the history.
import type { Context } from 'hono';
import type { ApiContext } from '../../context.ts';
import { badRequest } from '../../errors.ts';
import { statusInTime } from '../engine-status.ts';
import { type EngineTotals, type History, seriesOf } from './history.ts';
import type { Ring } from './ring.ts';

export interface Keeping {
  /** Ends the sampling when it is aborted. */
  signal: AbortSignal;
  /** Default 1 s. */
  everyMs?: number;
}

/** Milliseconds since the epoch that never go back, even if the machine's clock is changed. */
export function steadyNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Samples the engines periodically. If an engine delays a sample past the next one, the next one is skipped. */
export function keepHistory(
  history: History,
  { contexts, signal, everyMs = 1_000 }: Keeping & { contexts: Iterable<ApiContext> },
): void {
  const models = [...contexts];
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    const totals = await totalsOf(models);
    looking = false;
    if (!signal.aborted) history.look(steadyNow(), totals);
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** Sums over all models. Undefined unless every engine answers, because a sum without one would look like a fall. */
async function totalsOf(models: readonly ApiContext[]): Promise<EngineTotals | undefined> {
  const statuses = await Promise.all(
    models.map(({ engine, limits, logger }) => statusInTime(engine, { waitMs: limits.statusMs, logger })),
  );
  const told = statuses.flatMap((status) => status ?? []);
  if (told.length < models.length) return undefined;
  const sum = (of: (status: (typeof told)[number]) => number) =>
    told.reduce((total, each) => total + of(each), 0);
  const limit = sum(({ kvBytesLimit }) => kvBytesLimit);
  return {
    promptTokens: sum(({ counters }) => counters.prompt_tokens ?? 0),
    generatedTokens: sum(({ counters }) => counters.generated_tokens ?? 0),
    running: sum(({ running }) => running),
    waiting: sum(({ waiting }) => waiting),
    kvUsed: limit === 0 ? 0 : sum(({ kvBytesReserved }) => kvBytesReserved) / limit,
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
    // A minute is complete only long after it began, so earlier ones may be new.
    minutes: stretchOf(history.minutes, sinceMs - 120_000),
  });
}

function stretchOf(ring: Ring, sinceMs: number) {
  const stretch = ring.since(sinceMs);
  return { step: ring.stepMs / 1_000, start: stretch.startMs / 1_000, series: seriesOf(stretch) };
}

/** Unix seconds. */
function timeOf(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw badRequest(`'since' must be a time in Unix seconds, not '${text.slice(0, 50)}'.`, { param: 'since' });
}
