// The edge as an application: relays the API of several gateways, and answers for its own health. Uses no API of Node or Workers.
import { type Context, Hono } from 'hono';
import type { Ask } from './ask.ts';
import { readCall, requestId } from './call.ts';
import { Counts } from './counts.ts';
import { type Endpoint, endpointOf } from './endpoints.ts';
import { bodyTooLarge, type EdgeError, envelope, errorAnswer, internal, shuttingDown } from './errors.ts';
import { Gateways } from './gateways/gateways.ts';
import { relay } from './relay.ts';
import { RepeatBudget } from './repeats.ts';
import type { LogEntry, Shared } from './send.ts';
import { type Hashing, signer } from './sign.ts';

/** The gateways' own limit is 10 MiB. Bodies between the two limits get the gateway's error, and larger ones the edge's. */
export const LARGEST_BODY = 11 * 1024 * 1024;

/** Gateways send a keep-alive comment every 15 s. */
const SILENT_MS = 20_000;

export interface EdgeOptions {
  /** Origins of the gateways. */
  gateways: readonly string[];
  ask: Ask;
  log: (entry: LogEntry) => void;
  /** Current secret that the edge shares with its gateways. Undefined: requests are not signed, and streams cannot be continued. */
  secret?: (() => string) | undefined;
  hashing: Hashing;
  region: string;
  /** Most bytes of a request's body. */
  maxBody?: number;
  silentMs?: number;
  /** The client's address, if the host knows it. */
  addressOf?: (request: Request) => string | undefined;
  /** Whether /metrics is served. */
  metrics: boolean;
  /** See `RelayOptions` of streams/event-stream.ts. */
  failsStreams: boolean;
}

export interface Edge {
  readonly gateways: Gateways;
  readonly counts: Counts;
  fetch(request: Request): Response | Promise<Response>;
  /** Refuses new requests from now on. */
  drain(): void;
  /** Ends all open requests with an error. */
  cut(): void;
}

export function createEdge(options: EdgeOptions): Edge {
  const { ask, log, secret, hashing, region, maxBody = LARGEST_BODY, addressOf = () => undefined } = options;
  const gateways = new Gateways(options.gateways);
  const counts = new Counts(options.gateways);
  const cutting = new AbortController();
  const shared: Shared = {
    ...{ ask, gateways, counts, hashing, log, region },
    sign: secret && signer(secret, hashing),
    budget: new RepeatBudget(),
    cutSignal: cutting.signal,
    silentMs: options.silentMs ?? SILENT_MS,
    failsStreams: options.failsStreams,
  };
  let draining = false;

  async function answer(c: Context, endpoint: Endpoint): Promise<Response> {
    const request = c.req.raw;
    const id = requestId(request.headers);
    const refuse = (error: EdgeError) => errorAnswer(error, { format: endpoint.format, requestId: id });
    if (draining) return refuse(shuttingDown);
    const signed = secret !== undefined;
    const call = await readCall(request, { id, endpoint, signed, maxBody, address: addressOf(request) });
    return call === undefined ? refuse(bodyTooLarge(maxBody)) : await relay(call, shared);
  }

  const app = new Hono({ strict: false });
  app.get('/health', (c) => c.json({ status: 'ok' }));
  app.get('/health/ready', (c) => {
    const healthy = gateways.all.filter((gateway) => gateways.isHealthy(gateway)).length;
    const ready = healthy > 0 && !draining;
    const body = { status: ready ? 'ready' : 'not_ready', gateways: { healthy, all: gateways.all.length } };
    return c.json(body, ready ? 200 : 503);
  });
  if (options.metrics) {
    app.get('/metrics', (c) => c.text(counts.render(), 200, { 'content-type': 'text/plain; version=0.0.4' }));
  }
  app.all('*', (c) => {
    const endpoint = endpointOf(c.req.method, c.req.path);
    return endpoint === undefined ? c.notFound() : answer(c, endpoint);
  });
  app.notFound((c) => {
    const error = { message: `Invalid URL (${c.req.method} ${c.req.path})`, code: 'unknown_url' };
    return c.json(envelope(error, 'invalid_request_error'), 404);
  });
  app.onError((cause, c) => {
    const { code } = internal;
    // If the client has left, nobody reads the answer, and reading its body has failed.
    if (!c.req.raw.signal.aborted) {
      log({ level: 'error', code, message: `${c.req.method} ${c.req.path} failed`, cause: String(cause) });
    }
    return c.json(envelope(internal), 500);
  });

  return {
    gateways,
    counts,
    fetch: (request) => app.fetch(request),
    drain() {
      draining = true;
    },
    cut() {
      draining = true;
      cutting.abort();
      gateways.abort(new Error('the edge is shutting down'));
    },
  };
}
