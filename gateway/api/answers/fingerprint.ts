// `system_fingerprint`: the name that the engine gives to its numerics. It is cached for a while, so that
// requests do not wait for a busy engine.

/** How long a fingerprint stays fresh. It changes when shards of another numerics class take over. */
const FRESH_MS = 5_000;

export interface Fingerprint {
  /**
   * Waits for `ask` only while no fingerprint is known. Later it returns the known one while it asks again.
   * Null: not known.
   */
  current(): Promise<string | null>;
}

/** `ask` never rejects. It resolves to undefined if the engine does not answer. */
export function createFingerprint(ask: () => Promise<string | undefined>, freshMs = FRESH_MS): Fingerprint {
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
      if (performance.now() - askedAt > freshMs) asking ??= refresh();
      return known ?? (await asking) ?? null;
    },
  };
}
