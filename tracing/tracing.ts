// Traces, where the standard OTEL variables ask for them; where they do not, nothing of it is loaded. Knows no span.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Tracing } from '../gateway/api/telemetry/telemetry.ts';
import { tracingSettings } from './settings.ts';

/** A collector that is away would be complained of with every batch. Milliseconds. */
const COMPLAIN_EVERY = 60_000;
/** What the end of the process waits for the last spans to be taken. Milliseconds. */
const FLUSH = 2_000;

export interface OpenTracing extends Tracing {
  /** Sends the last spans, for as long as one may wait for that. Never rejects. */
  close(): Promise<void>;
}

export async function openTracing(env: NodeJS.ProcessEnv, log: Logger): Promise<OpenTracing | undefined> {
  const settings = tracingSettings(env, (message) => log.warn(message));
  if (settings === undefined) return undefined;
  const { otlpTracing } = await import('./otlp.ts');
  const complain = atMostEvery(COMPLAIN_EVERY, (reason) => log.warn(`traces are not delivered: ${reason}`));
  const tracing = otlpTracing(settings, complain);
  return {
    begin: tracing.begin,
    async close() {
      const late = delay(FLUSH, 'late' as const, { ref: false });
      const flushed = tracing.close().catch((error: unknown) => complain(String(error)));
      if ((await Promise.race([flushed, late])) === 'late') complain(`not taken within ${FLUSH} ms`);
    },
  };
}

function atMostEvery(ms: number, tell: (text: string) => void): (text: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (text) => {
    const now = performance.now();
    if (now - last < ms) return;
    last = now;
    tell(text);
  };
}
