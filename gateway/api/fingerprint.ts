// `system_fingerprint`: the engine's name for its numerics, kept for a while so that no request waits for a busy engine
// to be asked. Knows no HTTP.
import type { Logger } from 'pino';
import type { EngineClient } from '../engine/messages.ts';

/** It changes when shards of another numerics class take over. */
const FRESH_MS = 5_000;

export interface Fingerprint {
  /** Only the first call waits for the engine; later ones get what is known while it is asked again. */
  current(): Promise<string>;
}

export function createFingerprint(engine: EngineClient, logger: Logger, freshMs = FRESH_MS): Fingerprint {
  let known: string | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<string> | undefined;

  async function ask(): Promise<string> {
    askedAt = performance.now();
    try {
      known = (await engine.status()).fingerprint;
      return known;
    } finally {
      asking = undefined;
    }
  }

  async function current(): Promise<string> {
    if (known === undefined) {
      asking ??= ask();
      return await asking;
    }
    if (asking === undefined && performance.now() - askedAt > freshMs) {
      asking = ask();
      asking.catch((error: unknown) =>
        logger.warn({ err: error }, 'the engine did not tell its fingerprint'),
      );
    }
    return known;
  }

  return { current };
}
