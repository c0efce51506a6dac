// Starts tracing if the standard OTEL variables request it. Otherwise OpenTelemetry's library is not loaded.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Tracing } from '../gateway/api/telemetry/telemetry.ts';
import { tracingSettings } from './settings.ts';

/** Shortest pause between two warnings, because every batch fails while the collector is down. */
const WARN_EVERY_MS = 60_000;
/** How long `close` waits for the collector. */
const FLUSH_MS = 2_000;

export interface OpenTracing extends Tracing {
  /** Sends the queued spans, and drops those that are not sent after 2 s. Never rejects. */
  close(): Promise<void>;
}

export async function openTracing(env: NodeJS.ProcessEnv, log: Logger): Promise<OpenTracing | undefined> {
  const settings = tracingSettings(env, (message) => log.warn(message));
  if (settings === undefined) return undefined;
  const { otlpTracing } = await import('./otlp.ts');
  const complain = atMostEvery(WARN_EVERY_MS, (reason) => log.warn(`traces are not delivered: ${reason}`));
  const tracing = otlpTracing(settings, complain);
  return {
    begin: tracing.begin,
    async close() {
      const late = delay(FLUSH_MS, 'late' as const, { ref: false });
      const flushed = tracing.close().catch((error: unknown) => complain(String(error)));
      if ((await Promise.race([flushed, late])) === 'late') complain(`not taken within ${FLUSH_MS} ms`);
    },
  };
}

/** Passes a text to `tell`, or drops it if `tell` was called less than `ms` milliseconds ago. */
function atMostEvery(ms: number, tell: (text: string) => void): (text: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (text) => {
    const now = performance.now();
    if (now - last < ms) return;
    last = now;
    tell(text);
  };
}
