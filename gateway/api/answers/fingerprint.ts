// Caches `system_fingerprint`, the name that the engine gives to its numerics, so that requests do not wait for a busy engine.

/** Age from which a fingerprint is asked for again. It changes when shards of another numerics class take over. */
const FRESH_MS = 5_000;

export interface Fingerprint {
  /** Waits for the engine only while no fingerprint is known. Null if the engine did not answer. */
  current(): Promise<string | null>;
}

/** `ask` never rejects. It resolves to undefined if the engine does not answer. */
export function createFingerprint(ask: () => Promise<string | undefined>): Fingerprint {
  let known: string | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<string | null> | undefined;

  async function refresh(): Promise<string | null> {
    known = (await ask()) ?? known;
    askedAt = performance.now();
    asking = undefined;
    return known;
  }

  return {
    async current() {
      if (performance.now() - askedAt > FRESH_MS) asking ??= refresh();
      return known ?? (await asking) ?? null;
    },
  };
}
