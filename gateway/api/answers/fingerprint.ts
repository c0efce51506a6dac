// `system_fingerprint`: the engine's name for its numerics, kept for a while so that no request waits for a busy engine
// to be asked. Knows no HTTP.

/** It changes when shards of another numerics class take over. */
const FRESH_MS = 5_000;

export interface Fingerprint {
  /** Only while nothing is known does a call wait for `ask`; later ones get what is known while it is asked again. Null where the engine does not tell. */
  current(): Promise<string | null>;
}

/** `ask` never rejects; undefined: not told. */
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
