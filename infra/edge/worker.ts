// Runs the edge as a Cloudflare Worker. A Worker has no timers between requests, so it makes no health checks.

import { SHORTEST_SECRET } from '../../resume/secrets.ts';
import type { AccountsOptions } from './accounts/accounts.ts';
import { createEdge, type Edge } from './app.ts';
import type { Answer, Ask } from './ask.ts';
import { envelope, internal } from './errors.ts';
import { durableMeters, type KeyMeter } from './limits/key-meter.ts';
import { readPlace } from './regions/distance.ts';
import { onlyRegion, type Place, parseRegions } from './regions/regions.ts';
import type { LogEntry } from './send.ts';
import { webHashing } from './sign.ts';
import { d1 } from './storage/d1.ts';

interface Bindings {
  /** Origins of the gateways, separated by commas, such as `https://eu-1.example.com,https://eu-2.example.com`. */
  GATEWAYS?: string;
  /** JSON of several regions, instead of `GATEWAYS`; see docs/edge.md. */
  REGIONS?: string;
  /** Secret that the edge shares with its gateways. Without it, streams cannot be continued. */
  EDGE_SECRET?: string;
  /** Name of the region of this edge, which gateways log. */
  REGION?: string;
  /** Secret of operators. Without it, the edge has no accounts. */
  ADMIN_SECRET?: string;
  /** Keys and usage. */
  DB?: D1Database;
  /** The limits of each key. */
  METERS?: DurableObjectNamespace<KeyMeter>;
}

export { KeyMeter } from './limits/key-meter.ts';

let edge: Edge | undefined;

export default {
  fetch(request: Request, bindings: Bindings): Response | Promise<Response> {
    try {
      edge ??= createEdge({
        ...settingsOf(bindings),
        ask,
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
    return edge.fetch(request);
  },
};

function settingsOf(bindings: Bindings) {
  const { GATEWAYS, REGIONS, EDGE_SECRET, REGION = 'local' } = bindings;
  if (EDGE_SECRET !== undefined && EDGE_SECRET.length < SHORTEST_SECRET) {
    throw new Error(`EDGE_SECRET needs at least ${SHORTEST_SECRET} characters`);
  }
  return {
    regions:
      REGIONS === undefined ? onlyRegion(REGION, gatewaysIn(GATEWAYS)) : parseRegions(REGIONS, 'REGIONS'),
    secret: EDGE_SECRET === undefined ? undefined : () => EDGE_SECRET,
    region: REGION,
    accounts: accountsIn(bindings),
  };
}

/** Undefined, so that everybody may use the edge, if operators have no secret with which they could make keys. */
function accountsIn({ ADMIN_SECRET, EDGE_SECRET, DB, METERS }: Bindings): AccountsOptions | undefined {
  if (ADMIN_SECRET === undefined) return undefined;
  if (ADMIN_SECRET.length < SHORTEST_SECRET) {
    throw new Error(`ADMIN_SECRET needs at least ${SHORTEST_SECRET} characters`);
  }
  if (EDGE_SECRET === undefined)
    throw new Error('ADMIN_SECRET needs EDGE_SECRET, so that the gateways trust the edge');
  if (DB === undefined || METERS === undefined)
    throw new Error('ADMIN_SECRET needs the bindings DB and METERS');
  return { database: d1(DB), meters: durableMeters(METERS), adminSecrets: () => [ADMIN_SECRET] };
}

function gatewaysIn(list = ''): string[] {
  const gateways = list.split(',').map((each) => each.trim());
  const wrong = gateways.find((each) => !URL.canParse(each));
  if (wrong !== undefined) {
    throw new Error(`GATEWAYS has "${wrong}", which is no URL: set it in wrangler.toml`);
  }
  return [...new Set(gateways.map((each) => new URL(each).origin))];
}

/** The place that Cloudflare knows of the caller's address. */
function placeOf({ cf }: Request): Place | undefined {
  const { latitude, longitude } = (cf ?? {}) as Partial<Record<keyof Place, string>>;
  return readPlace(`${latitude},${longitude}`);
}

const ask: Ask = async (url, { method, headers, body, signal }): Promise<Answer> => {
  const answer = await fetch(url, { method, headers, body: body ?? null, redirect: 'manual', signal });
  if (!isCloudflares(answer)) return answer;
  await answer.body?.cancel();
  throw new Error(`Cloudflare answered ${answer.status} for the gateway`);
};

/**
 * True if Cloudflare answered instead of the gateway. If an origin is down, `fetch` on Cloudflare's network does not reject, but
 * returns Cloudflare's own page with a status of 520 to 530.
 */
function isCloudflares({ status }: Response): boolean {
  return status >= 520 && status <= 530;
}

/** The address that Cloudflare saw. */
function addressOf({ headers }: Request): string | undefined {
  return headers.get('cf-connecting-ip') ?? undefined;
}

/** One line of JSON. */
function log(entry: LogEntry): void {
  console.error(JSON.stringify(entry));
}
