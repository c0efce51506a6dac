// Asks the engine how it is, for no longer than a request may wait. Knows no endpoint.
import type { Logger } from 'pino';
import type { EngineClient, EngineStatus } from '../engine/messages.ts';

/** Undefined where the engine is too busy, or too broken, to say within `waitMs`; the latter is logged. */
export async function statusInTime(
  engine: EngineClient,
  { waitMs, logger }: { waitMs: number; logger: Logger },
): Promise<EngineStatus | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, waitMs, undefined);
  });
  try {
    return await Promise.race([engine.status(), late]);
  } catch (error) {
    logger.warn({ err: error }, 'the engine did not tell its status');
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
