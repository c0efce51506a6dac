// The variables, secrets and bindings of the Worker.
import { SHORTEST_SECRET } from '../../../resume/secrets.ts';
import { pageOrigin } from '../../../tenancy/cross-origin.ts';
import type { AccountsOptions } from '../accounts/accounts.ts';
import { LONGEST_COLD_START_S } from '../gateways/cold-start.ts';
import { gatewayOrigin, onlyRegion, parseRegions } from '../regions/regions.ts';
import { d1 } from './d1.ts';
import { type DemandHome, durableDemand } from './demand-store.ts';
import { durableMeters } from './durable-meters.ts';
import type { KeyHome } from './key-home.ts';
import type { KeyMeter } from './key-meter.ts';

export interface Bindings {
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
  /** `allow`: with `EDGE_SECRET` and without `ADMIN_SECRET`, everybody may use the gateways. */
  ANYONE?: string;
  /** Origins of the web pages that may call, separated by commas, such as `https://app.example.com`, or `*`. */
  CORS_ORIGINS?: string;
  /** Seconds for which a request waits while no gateway is ready, for cells that are scaled to zero. Default: 0. */
  COLD_START?: string;
  /** Which regions are wanted. Without it, /v1/scaling is not served. */
  DEMAND?: DurableObjectNamespace<DemandHome>;
  /** Keys and usage. */
  DB?: D1Database;
  /** The limits of each key in each place. */
  METERS?: DurableObjectNamespace<KeyMeter>;
  /** The limits of each key, which are lent to the places. */
  HOMES?: DurableObjectNamespace<KeyHome>;
}

/** Throws an error that names the variable if one is wrong. */
export function settingsOf(bindings: Bindings) {
  const { GATEWAYS, REGIONS, EDGE_SECRET, CORS_ORIGINS, REGION = 'local', COLD_START, DEMAND } = bindings;
  if (EDGE_SECRET !== undefined && EDGE_SECRET.length < SHORTEST_SECRET) {
    throw new Error(`EDGE_SECRET needs at least ${SHORTEST_SECRET} characters`);
  }
  return {
    regions:
      REGIONS === undefined ? onlyRegion(REGION, gatewaysIn(GATEWAYS)) : parseRegions(REGIONS, 'REGIONS'),
    secret: EDGE_SECRET === undefined ? undefined : () => EDGE_SECRET,
    region: REGION,
    corsOrigins: originsIn(CORS_ORIGINS),
    coldStartMs: 1_000 * secondsIn(COLD_START),
    demand: DEMAND && durableDemand(DEMAND),
  };
}

/** `place`: where this instance runs. Undefined if everybody may use the edge, or if the gateways check keys themselves. */
export function accountsIn(bindings: Bindings, place: string): AccountsOptions | undefined {
  const { ADMIN_SECRET, EDGE_SECRET, ANYONE, DB, METERS, HOMES } = bindings;
  if (ADMIN_SECRET === undefined) {
    if (EDGE_SECRET === undefined || ANYONE === 'allow') return undefined;
    throw new Error(
      'set ADMIN_SECRET, so that requests need a key, or ANYONE to "allow", so that everybody may use the gateways',
    );
  }
  if (ADMIN_SECRET.length < SHORTEST_SECRET) {
    throw new Error(`ADMIN_SECRET needs at least ${SHORTEST_SECRET} characters`);
  }
  if (EDGE_SECRET === undefined)
    throw new Error('ADMIN_SECRET needs EDGE_SECRET, so that the gateways trust the edge');
  if (DB === undefined || METERS === undefined || HOMES === undefined)
    throw new Error('ADMIN_SECRET needs the bindings DB, METERS and HOMES');
  return { database: d1(DB), meters: durableMeters(METERS, place), adminSecrets: () => [ADMIN_SECRET] };
}

function secondsIn(text = '0'): number {
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds <= LONGEST_COLD_START_S) return seconds;
  throw new Error(`COLD_START: '${text}' is not a whole number from 0 to ${LONGEST_COLD_START_S}`);
}

function gatewaysIn(list = ''): string[] {
  try {
    return [...new Set(list.split(',').map((each) => gatewayOrigin(each.trim())))];
  } catch (cause) {
    throw new Error(`GATEWAYS: ${(cause as Error).message}. Set it in wrangler.toml`, { cause });
  }
}

function originsIn(list = ''): string[] {
  const texts = list.split(',').map((each) => each.trim());
  return texts.filter((text) => text !== '').map((text) => (text === '*' ? text : originOf(text)));
}

function originOf(text: string): string {
  const origin = pageOrigin(text);
  if (origin !== undefined) return origin;
  throw new Error(
    `CORS_ORIGINS: '${text}' is not an origin. Give a scheme, a host and, unless it is the scheme's default, a port, such as https://app.example.com`,
  );
}
