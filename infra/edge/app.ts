// The edge as an application: checks who may make a request, relays the API of several gateways, and answers for its own health. Uses
// no API of Node or Workers.
import { type Context, Hono } from 'hono';
import { allowOrigins } from '../../tenancy/cross-origin.ts';
import { Accounts, type AccountsOptions } from './accounts/accounts.ts';
import { answering } from './answer.ts';
import type { Ask } from './ask.ts';
import { Counts } from './counts.ts';
import { Demand, type DemandStore } from './demand/demand.ts';
import { scalingRoute } from './demand/scaling-route.ts';
import { envelope, errorAnswer, internal, shuttingDown } from './errors.ts';
import { Gateways } from './gateways/gateways.ts';
import { ServedModels } from './gateways/served-models.ts';
import { pageAnswer } from './page/page.ts';
import type { Place, Region } from './regions/regions.ts';
import { REPEAT_SHARE, RepeatBudget, SPILL_SHARE } from './repeats.ts';
import { BodyMemory } from './requests/body-memory.ts';
import { requestIdOf } from './requests/call.ts';
import { type Endpoint, endpointOf } from './requests/endpoints.ts';
import type { LogEntry, Shared } from './send.ts';
import { type Hashing, signer } from './sign.ts';

/** Bodies stay in memory while their streams may have to be continued. Prompts of this size fit into no context. */
export const LARGEST_BODY = 2 * 1024 * 1024;

/** Gateways send a keep-alive comment every 15 s. */
const SILENT_MS = 20_000;

export interface EdgeOptions {
  regions: readonly Region[];
  ask: Ask;
  log: (entry: LogEntry) => void;
  /** Current secret that the edge shares with its gateways. Undefined: requests are not signed, and streams cannot be continued. */
  secret?: (() => string) | undefined;
  /** Undefined: everybody may use the edge. */
  accounts?: AccountsOptions | undefined;
  hashing: Hashing;
  /** Name of the region in which this edge stands, for the logs of gateways. */
  region: string;
  /** Where the caller is, if the host knows it. */
  placeOf?: (request: Request) => Place | undefined;
  /** Most bytes of a request's body. */
  maxBody?: number;
  /** Most bytes of the bodies of all open requests. */
  bodyMemory: number;
  silentMs?: number;
  /** The client's address, if the host knows it. */
  addressOf?: (request: Request) => string | undefined;
  /** Origins of the web pages that may call; `*` allows every page. Default: none. */
  corsOrigins?: readonly string[];
  /** The text of page/edge.html. Undefined: there is no page for operators. */
  page?: string;
  /** Whether /metrics is served: only if no other instances have counts of their own. */
  metrics: boolean;
  /** See `RelayOptions` of streams/event-stream.ts. */
  failsStreams: boolean;
  /** Knows which regions are wanted. Undefined: /v1/scaling is not served. */
  demand?: DemandStore | undefined;
  /** Time for which a request waits while no gateway is ready. Default: 0. */
  coldStartMs?: number;
}

export interface Edge {
  readonly gateways: Gateways;
  readonly counts: Counts;
  /** `hold` keeps the host from ending work that goes on after the answer. */
  fetch(request: Request, hold?: (work: Promise<unknown>) => void): Response | Promise<Response>;
  /** Refuses new requests from now on. */
  drain(): void;
  /** Ends all open requests with an error. */
  cut(): void;
  /** Settles the requests that were open when an earlier process ended. Resolves to their number. */
  recover(): Promise<number>;
  /** Resolves when the usage of all requests that have ended is written. */
  settled(): Promise<void>;
}

function healthOf(gateways: Gateways, region: string) {
  const all = gateways.in(region);
  return { healthy: all.filter((gateway) => gateways.isHealthy(gateway)).length, all: all.length };
}

export function createEdge(options: EdgeOptions): Edge {
  const { ask, log, secret, hashing, regions, region, maxBody = LARGEST_BODY } = options;
  const demand = options.demand && demandOf(options.demand, options);
  const gateways = new Gateways(
    regions.flatMap(({ name, gateways: urls }) => urls.map((url) => ({ url, region: name }))),
    (used) => void demand?.want(used),
  );
  const counts = new Counts(gateways.all);
  const cutting = new AbortController();
  const shared: Shared = {
    ...{ ask, gateways, counts, hashing, log, region },
    sign: secret && signer(secret, hashing),
    budget: new RepeatBudget(REPEAT_SHARE),
    spills: new RepeatBudget(SPILL_SHARE),
    cutSignal: cutting.signal,
    memory: new BodyMemory(Math.max(options.bodyMemory, maxBody)),
    silentMs: options.silentMs ?? SILENT_MS,
    failsStreams: options.failsStreams,
    coldStartMs: options.coldStartMs ?? 0,
  };
  if (options.accounts !== undefined && secret === undefined) {
    throw new Error(
      'an edge with accounts needs a secret, so that the gateways trust it to check its clients',
    );
  }
  const models = new ServedModels(
    regions.map(({ name }) => name),
    shared,
  );
  const accounts = options.accounts && new Accounts(options.accounts, shared, models);
  let draining = false;

  const answerCall = answering({ ...options, maxBody }, { shared, accounts, models, demand });
  const answer = async (c: Context, endpoint: Endpoint) => {
    const requestId = requestIdOf(c.req.raw.headers);
    if (draining) return errorAnswer(shuttingDown, { format: endpoint.format, requestId });
    const { hold = () => {} } = (c.env ?? {}) as { hold?: (work: Promise<unknown>) => void };
    return await answerCall(c.req.raw, { endpoint, requestId, hold });
  };
  const app = createRoutes(options, {
    gateways,
    counts,
    accounts,
    answer,
    demand,
    isDraining: () => draining,
  });
  return {
    gateways,
    counts,
    fetch: (request, hold) => app.fetch(request, { hold }),
    drain() {
      draining = true;
    },
    cut() {
      draining = true;
      cutting.abort();
      gateways.abort(new Error('the edge is shutting down'));
    },
    recover: async () => (await accounts?.recover()) ?? 0,
    settled: async () => await accounts?.settled(),
  };
}

function demandOf(store: DemandStore, { regions, log }: EdgeOptions): Demand {
  const message = 'the demand for a region could not be written; an autoscaler may not see it';
  return new Demand(store, {
    regions: regions.map(({ name }) => name),
    onFailure: (cause) => log({ level: 'warn', code: 'demand_not_written', message, cause: String(cause) }),
  });
}

interface Parts {
  gateways: Gateways;
  counts: Counts;
  accounts: Accounts | undefined;
  demand: Demand | undefined;
  /** Answers a request to the API. */
  answer: (c: Context, endpoint: Endpoint) => Promise<Response>;
  isDraining: () => boolean;
}

function createRoutes(options: EdgeOptions, parts: Parts): Hono {
  const { gateways, counts, accounts, answer, demand, isDraining } = parts;
  const app = new Hono({ strict: false });
  const { metrics, log, regions, page, corsOrigins = [] } = options;
  if (corsOrigins.length > 0) {
    const allow = allowOrigins(corsOrigins);
    // Pages of others have no business with the operators' API.
    app.use((c, next) => (/^\/(?:admin|edge)(?:\/|$)/.test(c.req.path) ? next() : allow(c, next)));
  }
  app.get('/health', (c) => c.json({ status: 'ok' }));
  app.get('/health/ready', (c) => {
    const healthy = gateways.all.filter((gateway) => gateways.isHealthy(gateway)).length;
    // An edge that may wait for gateways must get the request that starts them.
    const canServe = healthy > 0 || (options.coldStartMs ?? 0) > 0;
    const ready = canServe && !isDraining();
    const body = {
      status: ready ? 'ready' : 'not_ready',
      gateways: { healthy, all: gateways.all.length },
      regions: Object.fromEntries(regions.map(({ name }) => [name, healthOf(gateways, name)])),
    };
    return c.json(body, ready ? 200 : 503);
  });
  if (metrics) {
    app.get('/metrics', (c) => c.text(counts.render(), 200, { 'content-type': 'text/plain; version=0.0.4' }));
  }
  if (accounts !== undefined) {
    const usage = (c: Context) => accounts.usage(c.req.raw);
    app.get('/usage', usage).get('/v1/usage', usage);
  }
  if (demand !== undefined) {
    const secrets = options.accounts?.adminSecrets;
    app.get('/v1/scaling', scalingRoute(demand, { secrets, hashing: options.hashing, log }));
  }
  const admin = accounts?.admin({ regions, gateways, counts, isOneOfMany: !metrics });
  if (admin !== undefined) {
    app.route('/admin', admin);
    if (page !== undefined) {
      app.get('/edge', (c) => {
        // The page has relative paths, which would be wrong after a slash.
        return new URL(c.req.url).pathname.endsWith('/') ? c.redirect('../edge', 308) : pageAnswer(page);
      });
    }
  }
  app.all('*', (c) => {
    const endpoint = endpointOf(c.req.method, c.req.path);
    return endpoint === undefined ? c.notFound() : answer(c, endpoint);
  });
  app.notFound((c) => {
    const message = `Invalid URL (${c.req.method} ${c.req.path})`;
    return c.json(envelope({ status: 404, message, code: 'unknown_url' }), 404);
  });
  app.onError((cause, c) => {
    const { code } = internal;
    // If the client has left, nobody reads the answer, and reading its body has failed.
    if (!c.req.raw.signal.aborted) {
      log({ level: 'error', code, message: `${c.req.method} ${c.req.path} failed`, cause: String(cause) });
    }
    return c.json(envelope(internal), 500);
  });
  return app;
}
