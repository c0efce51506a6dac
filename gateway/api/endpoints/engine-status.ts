// Asks the engine for its status and heat, but waits no longer than a request may wait.
import type { Logger } from 'pino';
import type { EngineClient, EngineStatus, HeatReport } from '../../engine/messages.ts';

export interface Patience {
  waitMs: number;
  logger: Logger;
}

/** Undefined if the engine does not answer within `waitMs` or fails. A failure is logged. */
export function statusInTime(engine: EngineClient, patience: Patience): Promise<EngineStatus | undefined> {
  return inTime(engine.status(), 'status', patience);
}

/** Undefined in the same cases. */
export function heatInTime(
  engine: EngineClient,
  { successors = false, ...patience }: Patience & { successors?: boolean },
): Promise<HeatReport | undefined> {
  return inTime(engine.heat({ successors }), 'heat', patience);
}

async function inTime<T>(
  answer: Promise<T>,
  what: string,
  { waitMs, logger }: Patience,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, waitMs, undefined);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    logger.warn({ err: error }, `the engine failed to report its ${what}`);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
