// Asks an engine for its status or heat, but waits no longer than the limit `statusMs`.
import { setTimeout } from 'node:timers/promises';
import type { EngineStatus, HeatReport } from '../../engine/messages.ts';
import type { ApiContext } from '../context.ts';

type Asked = Pick<ApiContext, 'engine' | 'limits' | 'logger'>;

/** Undefined if the engine does not answer in time or fails. A failure is logged. */
export function statusInTime(context: Asked): Promise<EngineStatus | undefined> {
  return inTime(context.engine.status(), 'status', context);
}

/** Undefined if the engine does not answer in time or fails. A failure is logged. */
export function heatInTime(
  context: Asked,
  options: { successors?: boolean } = {},
): Promise<HeatReport | undefined> {
  return inTime(context.engine.heat(options), 'heat', context);
}

async function inTime<T>(
  answer: Promise<T>,
  what: string,
  { limits, logger }: Asked,
): Promise<T | undefined> {
  const timer = new AbortController();
  try {
    return await Promise.race([answer, setTimeout(limits.statusMs, undefined, { signal: timer.signal })]);
  } catch (error) {
    logger.warn({ err: error }, `the engine failed to report its ${what}`);
    return undefined;
  } finally {
    timer.abort();
  }
}
