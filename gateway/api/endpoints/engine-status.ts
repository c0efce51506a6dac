// Asks the engine how it is, for no longer than a request may wait. Knows no endpoint.
import type { Logger } from 'pino';
import type { EngineClient, EngineStatus, HeatReport } from '../../engine/messages.ts';

export interface Patience {
  waitMs: number;
  logger: Logger;
}

/** Undefined where the engine is too busy, or too broken, to say within `waitMs`; the latter is logged. */
export function statusInTime(engine: EngineClient, patience: Patience): Promise<EngineStatus | undefined> {
  return inTime(engine.status(), 'status', patience);
}

/** Undefined as above. */
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
    logger.warn({ err: error }, `the engine did not tell its ${what}`);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
