// Runs the edge as a Cloudflare Worker. A Worker has no timers between requests, so it makes no health checks.

import { createEdge, type Edge } from './app.ts';
import { envelope, internal } from './errors.ts';
import page from './page/edge.html';
import { readPlace } from './regions/distance.ts';
import type { Place } from './regions/regions.ts';
import type { LogEntry } from './send.ts';
import { webHashing } from './sign.ts';
import { fetchAsk } from './workers/fetch-ask.ts';
import { accountsIn, type Bindings, settingsOf } from './workers/settings.ts';

export { DemandHome } from './workers/demand-store.ts';
export { KeyHome } from './workers/key-home.ts';
export { KeyMeter } from './workers/key-meter.ts';

/** Bytes. An instance of a Worker has 128 MB. */
const BODY_MEMORY = 48 * 1024 * 1024;

let edge: Edge | undefined;

export default {
  fetch(request: Request, bindings: Bindings, context: ExecutionContext): Response | Promise<Response> {
    try {
      edge ??= createEdge({
        ...settingsOf(bindings),
        accounts: accountsIn(bindings, locationOf(request)),
        ask: fetchAsk,
        bodyMemory: BODY_MEMORY,
        page,
        log,
        addressOf,
        placeOf,
        hashing: webHashing,
        metrics: false,
        failsStreams: true,
      });
    } catch (cause) {
      log({ level: 'error', code: internal.code, message: 'the settings are wrong', cause: String(cause) });
      return Response.json(envelope(internal), { status: 500 });
    }
    return edge.fetch(request, (work) => context.waitUntil(work));
  },
};

/** The place that Cloudflare knows of the caller's address. */
function placeOf({ cf }: Request): Place | undefined {
  const { latitude, longitude } = (cf ?? {}) as Partial<Record<keyof Place, string>>;
  return readPlace(`${latitude},${longitude}`);
}

/** The data centre that runs this instance, such as `FRA`. */
function locationOf({ cf }: Request): string {
  return (cf as Partial<Record<'colo', string>> | undefined)?.colo ?? 'local';
}

/** The address that Cloudflare saw. */
function addressOf({ headers }: Request): string | undefined {
  return headers.get('cf-connecting-ip') ?? undefined;
}

/** One line of JSON. */
function log(entry: LogEntry): void {
  console.error(JSON.stringify(entry));
}
